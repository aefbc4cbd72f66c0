"""Forgetting for good: the text leaves every row, every quotation and the files' free space."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select

from memory.log import Change
from memory.record import Record, Scope
from memory.records import DEFAULT_ACTOR, Records
from memory.writer import Writer
from state.errors import TransientError
from storage.contents import digest_of
from storage.engine import Home
from storage.redaction import overwrite_freed, quotable, redact_files, redact_rows, redacted
from storage.tables import (
    embedding_cache,
    memories,
    memory_groups,
    memory_hidings,
    memory_links,
    memory_log,
    memory_origins,
    memory_uses,
    memory_vectors,
    memory_versions,
)

_BY_MEMORY = (memory_groups, memory_hidings, memory_origins, memory_uses, memory_vectors, memory_versions)

Purger = Callable[[Sequence[str]], int]  # removes texts from a store of its own; returns how many places it changed


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten: ids, what went with them, and places that quoted them."""

    memory_ids: Sequence[str]
    summaries: Sequence[str]
    twins: Sequence[str]  # memories of the same scope that said the same
    redacted: Sequence[str]  # memories of the same scope that quoted one: they stay, without the quotation
    elsewhere: Sequence[str]  # memories of other scopes that say it as well: they stay as they are
    quotations: int  # stored texts, rows, files and checkpoints that quoted them


def forget(
    records: Records,
    memory_ids: Sequence[str],
    *,
    actor: str = DEFAULT_ACTOR,
    everywhere: bool = False,
    purgers: Sequence[Purger] = (),
) -> Forgotten:
    """Purge memories: rows, versions, vectors, cached embeddings, and their texts wherever the home quotes them.

    A summary of a forgotten memory goes with it, and its other members come back. Memories of the same scope that say
    the same go as well, and those that quote it lose the quotation; `everywhere` extends this to all scopes. The audit
    trail keeps, by digest, that there was a memory and that it was forgotten. `purgers` reach stores of other packages;
    the rows go last, so that after an interruption the same call finds the texts again and finishes.
    Raises TransientError when another process is reading, so that deleted text stays in a file: then run it again.
    """
    with records.changing(actor=actor) as writer:
        asked = writer.read(memory_ids)
        summaries = _summaries(writer, list(asked))
        texts = _texts(writer.connection, [*asked.values(), *summaries.values()])
        wanted = quotable(texts)
        scopes = [Scope()] if everywhere else sorted({record.scope for record in asked.values()}, key=str)
        others = _quoting(writer, wanted, [*asked, *summaries])
        within = {one: record for one, record in others.items() if any(scope.covers(record.scope) for scope in scopes)}
        twins = {one: record for one, record in within.items() if _says_nothing_else(record, wanted)}
        summaries |= _summaries(writer, [one for one in twins if one not in summaries])
        doomed = asked | twins | summaries
        quotations = redact_files(records.home, wanted) + sum(purge(wanted) for purge in purgers) if wanted else 0
        _restore_members(writer, summaries, doomed)
        erase(writer, doomed, texts)
        quoting = {one: record for one, record in within.items() if one not in doomed}
        for record in quoting.values():
            writer.redact(record, lambda stored: redacted(stored, wanted))
        quotations += redact_rows(writer.connection, wanted, spared=[memories, memory_log]) if wanted else 0
    compact(records.home)
    elsewhere = [one for one in others if one not in within and one not in doomed]
    return Forgotten(list(asked), list(summaries), list(twins), list(quoting), elsewhere, quotations)


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


def _quoting(writer: Writer, wanted: Sequence[str], known: Sequence[str]) -> dict[str, Record]:
    """Return the memories, but for the known ones, that hold one of the texts."""
    c, found = memories.c, []
    for row in writer.connection.execute(select(c.memory_id, c.text, c.code, c.attributes, c.cause, c.signature)):
        stored = "\0".join(row[1:])
        if redacted(stored, wanted) != stored and row[0] not in known:
            found.append(row[0])
    return writer.read(found)


def _says_nothing_else(record: Record, wanted: Sequence[str]) -> bool:
    return record.text.strip() in wanted or (bool(record.code) and record.code.strip() in wanted)


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
    overwrite_freed(connection)
    writer.log(Change(memory_id=one, event="forget", before=record.digest) for one, record in doomed.items())
    for table in (memories, *_BY_MEMORY):
        connection.execute(delete(table).where(table.c.memory_id.in_(ids)))
    links = memory_links.c
    connection.execute(delete(memory_links).where(links.source.in_(ids) | links.target.in_(ids)))
    digests = [digest_of(one) for one in texts]
    connection.execute(delete(embedding_cache).where(embedding_cache.c.digest.in_(digests)))
