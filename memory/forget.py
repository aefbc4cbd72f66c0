"""Forgetting for good: the text leaves every row, every quotation and the files' free space."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select

from memory.chroma_mirror import remove_mirror
from memory.embeddings import Embeddings, drop_unowned
from memory.log import Change
from memory.mirror_place import doom_collections
from memory.record import Record, Scope
from memory.records import DEFAULT_ACTOR, Records
from memory.writer import Writer
from state.errors import TransientError
from storage.contents import FORGOTTEN
from storage.engine import Home, rewrite
from storage.redaction import overwrite_freed, quotable, redact_files, redact_rows, redacted
from storage.tables import (
    memories,
    memory_groups,
    memory_hidings,
    memory_links,
    memory_log,
    memory_origins,
    memory_uses,
    memory_vectors,
    memory_versions,
    metadata,
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
    """Purge memories: rows, versions, vectors, and their texts wherever the home quotes them.

    Of cached embeddings only those of texts that a memory still has are kept, for a question may have quoted what is
    forgotten; the mirror, whose files keep deleted and replaced vectors, is removed and built anew by who needs it.

    A summary of a forgotten memory goes with it, and its other members come back. Memories of the same scope that say
    the same, in text and code, go as well, and those that quote it lose the quotation and are embedded anew;
    `everywhere` extends this to all scopes. The audit trail keeps, by digest, that there was a memory and that it was
    forgotten. `purgers` reach stores of other packages; the rows go last, so that after an interruption the same call
    finds the texts again and finishes.
    Raises TransientError when another process is reading, so that deleted text stays in a file: then run it again.
    """
    doom_collections(records.home)  # before, too: whatever ends this process, a server is rid of what it holds by now
    with records.changing(actor=actor) as writer:
        asked = writer.read(memory_ids)
        scopes = [Scope()] if everywhere else sorted({record.scope for record in asked.values()}, key=str)
        reach = _reach(writer, asked, scopes)
        doomed, wanted = asked | reach.twins | reach.summaries, reach.wanted
        quotations = redact_files(records.home, wanted) + sum(purge(wanted) for purge in purgers) if wanted else 0
        _restore_members(writer, reach.summaries, doomed)
        erase(writer, doomed)
        _redact_memories(writer, reach.quoting, wanted, records.embeddings)
        quotations += redact_rows(writer.connection, wanted, spared=[memories, memory_log]) if wanted else 0
        drop_unowned(writer.connection)
    remove_mirror(records.home)
    compact(records.home)
    return Forgotten(
        list(asked), list(reach.summaries), list(reach.twins), list(reach.quoting), reach.elsewhere, quotations
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Reach:
    """What forgetting some memories touches."""

    summaries: dict[str, Record]
    twins: dict[str, Record]
    quoting: dict[str, Record]
    elsewhere: Sequence[str]
    texts: Sequence[str]  # of everything that goes
    wanted: Sequence[str]  # those of the texts that are looked for


def _reach(writer: Writer, asked: dict[str, Record], scopes: Sequence[Scope]) -> _Reach:
    """Find what goes with memories and what quotes them, until a twin brings in no text that has a further twin."""
    twins: dict[str, Record] = {}
    while True:
        summaries = _summaries(writer, [*asked, *twins])
        doomed = asked | twins | summaries
        texts = _texts(writer.connection, list(doomed.values()))
        wanted = quotable(texts)
        others = _quoting(writer, wanted, list(doomed))
        within = {one: record for one, record in others.items() if any(scope.covers(record.scope) for scope in scopes)}
        new = _twins(within, texts)
        if not new:
            return _Reach(summaries, twins, within, [one for one in others if one not in within], texts, wanted)
        twins |= new


def _redact_memories(
    writer: Writer, quoting: dict[str, Record], wanted: Sequence[str], embeddings: Embeddings | None
) -> None:
    """Take texts out of memories, and what embedders made of the quotations; what is left is embedded anew."""
    if not wanted:
        return
    versions, v = memory_versions.c, memory_vectors.c
    earlier = writer.connection.execute(select(versions.memory_id, versions.text)).all()
    quoted = [memory_id for memory_id, text in earlier if redacted(text, wanted) != text]
    outdated = v.memory_id.in_(quoted) & v.digest.not_in(select(memories.c.digest))
    writer.connection.execute(delete(memory_vectors).where(v.memory_id.in_(list(quoting)) | outdated))
    for record in quoting.values():
        writer.redact(record, lambda stored: redacted(stored, wanted), instead=_instead(record, wanted))
    if embeddings:
        embeddings.embed_within(writer.connection, list(writer.read(list(quoting)).values()))


def _instead(record: Record, wanted: Sequence[str]) -> str:
    """Return what stands for a description of which nothing is left: how the function is called, if that may stay."""
    names = (redacted(one, wanted) for one in (record.signature, record.entry_point) if one)
    return next((one for one in names if FORGOTTEN not in one), FORGOTTEN)


def compact(home: Home) -> None:
    """Rewrite the database without its free pages and empty its log, so that deleted text is in no byte of them.

    On PostgreSQL the tables are rewritten; the server's own log, and backups, are the administrator's.
    """
    if home.url:
        return rewrite(home, [table.name for table in metadata.sorted_tables])
    with home.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        raw.execute("VACUUM")
        ((busy, *_),) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if busy:
        raise TransientError(f"another process is reading {home.folder}: run it again to finish the purge")
    return None


def _quoting(writer: Writer, wanted: Sequence[str], known: Sequence[str]) -> dict[str, Record]:
    """Return the memories, but for the known ones, that hold one of the texts."""
    c, found = memories.c, []
    for row in writer.connection.execute(select(c.memory_id, c.text, c.code, c.attributes, c.cause, c.signature)):
        stored = "\0".join(row[1:])
        if redacted(stored, wanted) != stored and row[0] not in known:
            found.append(row[0])
    return writer.read(found)


def _twins(records: Mapping[str, Record], texts: Iterable[str]) -> dict[str, Record]:
    """Return those that say nothing else, in text and code: versions of a skill share the description, not the code."""
    said = {"", *(text.strip() for text in texts)}
    return {one: record for one, record in records.items() if {record.text.strip(), record.code.strip()} <= said}


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


def erase(writer: Writer, doomed: dict[str, Record]) -> None:
    """Delete memories with all that hangs on them, overwriting the freed bytes."""
    ids, connection = list(doomed), writer.connection
    overwrite_freed(connection)
    writer.log(Change(memory_id=one, event="forget", before=record.digest) for one, record in doomed.items())
    for table in (memories, *_BY_MEMORY):
        connection.execute(delete(table).where(table.c.memory_id.in_(ids)))
    links = memory_links.c
    connection.execute(delete(memory_links).where(links.source.in_(ids) | links.target.in_(ids)))
