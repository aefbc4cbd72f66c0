"""Forgetting for good: the text leaves every row, every quotation and the files' free space."""

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update

from memory.log import Change
from memory.record import Record
from memory.records import DEFAULT_ACTOR, Records
from memory.writer import Writer
from state.errors import TransientError
from storage.contents import digest_of
from storage.engine import Home
from storage.tables import (
    contents,
    embedding_cache,
    memories,
    memory_groups,
    memory_links,
    memory_origins,
    memory_uses,
    memory_vectors,
    memory_versions,
)

FORGOTTEN = "[forgotten]"
LEAST_QUOTATION = 12  # characters: shorter texts are not looked for in what quotes them
_BY_MEMORY = (memory_groups, memory_origins, memory_uses, memory_vectors, memory_versions)

Purger = Callable[[Sequence[str]], int]  # removes texts from a store of its own; returns how many places it changed


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten: ids, summaries that went with them, and places that quoted them."""

    memory_ids: Sequence[str]
    summaries: Sequence[str]
    quotations: int


def forget(
    records: Records, memory_ids: Sequence[str], *, actor: str = DEFAULT_ACTOR, purgers: Sequence[Purger] = ()
) -> Forgotten:
    """Purge memories: rows, earlier versions, vectors, cached embeddings, quotations in stored texts, WAL, free pages.

    A summary of a forgotten memory goes with it, and its other members come back. The audit trail keeps that there was
    a memory and that it was forgotten, by digest. `purgers` reach stores of other packages: checkpoints that quote it.
    Ids that do not exist are passed over, so that forgetting again finishes what was interrupted.
    """
    with records.changing(actor=actor) as writer:
        doomed = writer.read(memory_ids)
        summaries = _summaries(writer, list(doomed))
        doomed |= summaries
        texts = _texts(writer.connection, list(doomed.values()))
        _restore_members(writer, summaries, doomed)
        erase(writer, doomed, texts)
        quotations = _redact(writer.connection, [one for one in texts if len(one) >= LEAST_QUOTATION])
    quotations += sum(purge(texts) for purge in purgers)
    compact(records.home)
    return Forgotten([one for one in doomed if one not in summaries], list(summaries), quotations)


def compact(home: Home) -> None:
    """Rewrite the database without its free pages and empty its log, so that deleted text is in no byte of them."""
    with home.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        if connection.dialect.name == "postgresql":
            return  # autovacuum reuses the pages; the server's own log is the administrator's
        raw.execute("VACUUM")
        ((busy, *_),) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if busy:
        raise TransientError(f"another process is reading {home.folder}: run it again to finish the purge")


def redacted(stored: str, texts: Sequence[str]) -> str:
    """Return a stored text without the given ones, also where JSON has escaped them up to two times."""
    for one in texts:
        for form in _forms(one):
            stored = stored.replace(form, FORGOTTEN)
    return stored


def _forms(quoted: str) -> list[str]:
    forms = [quoted]
    for ascii_only in (False, True):
        once = json.dumps(quoted, ensure_ascii=ascii_only)[1:-1]
        forms += [once, json.dumps(once, ensure_ascii=ascii_only)[1:-1]]
    return sorted(set(forms), key=len, reverse=True)


def _secure(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")  # freed bytes are overwritten at once


def _summaries(writer: Writer, memory_ids: Sequence[str]) -> dict[str, Record]:
    """Return the summaries of memories, and the summaries of those."""
    found: dict[str, Record] = {}
    c = memory_links.c
    while memory_ids:
        query = select(c.source).where(c.target.in_(memory_ids), c.relation == "summarises")
        new = writer.read([one for one in writer.connection.execute(query).scalars() if one not in found])
        found |= new
        memory_ids = list(new)
    return found


def _texts(connection: Connection, doomed: Sequence[Record]) -> list[str]:
    """Return every text that the memories have or had, the longest first."""
    texts = {one for record in doomed for one in (record.text, record.code) if one}
    c = memory_versions.c
    query = select(c.text, c.code).where(c.memory_id.in_([record.memory_id for record in doomed]))
    texts |= {one for row in connection.execute(query) for one in row if one}
    return sorted(texts, key=lambda one: (-len(one), one))


def _restore_members(writer: Writer, summaries: dict[str, Record], doomed: dict[str, Record]) -> None:
    """Bring back what only stood in a summary that goes."""
    c = memory_links.c
    query = select(c.target).where(c.source.in_(list(summaries)), c.relation == "summarises")
    members = writer.read([one for one in writer.connection.execute(query).scalars() if one not in doomed])
    for record in members.values():
        if record.state == "consolidated":
            writer.move(record, "active", cause="its summary was forgotten")


def erase(writer: Writer, doomed: dict[str, Record], texts: Sequence[str] = ()) -> None:
    """Delete memories with all that hangs on them, and the cached embeddings of texts, overwriting the freed bytes."""
    ids, connection = list(doomed), writer.connection
    _secure(connection)
    writer.log(Change(memory_id=one, event="forget", before=record.digest) for one, record in doomed.items())
    for table in (memories, *_BY_MEMORY):
        connection.execute(delete(table).where(table.c.memory_id.in_(ids)))
    links = memory_links.c
    connection.execute(delete(memory_links).where(links.source.in_(ids) | links.target.in_(ids)))
    digests = [digest_of(one) for one in texts]
    connection.execute(delete(embedding_cache).where(embedding_cache.c.digest.in_(digests)))


def _redact(connection: Connection, texts: Sequence[str]) -> int:
    """Take texts out of the content store: what quotes them keeps its address, not the quotation."""
    if not texts:
        return 0
    changed = 0
    for digest, body in connection.execute(select(contents.c.digest, contents.c.body)).all():
        stored = zlib.decompress(body).decode("utf-8", "surrogatepass")
        clean = redacted(stored, texts)
        if clean != stored:
            row = {"body": zlib.compress(clean.encode("utf-8", "surrogatepass"), 6)}
            connection.execute(update(contents).where(contents.c.digest == digest).values(row))
            changed += 1
    return changed
