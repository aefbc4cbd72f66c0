"""Records are the truth: every change is one transaction of row, audit entry and log sequence."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache

from sqlalchemy import ColumnElement, Connection, Table, bindparam, func, select

from memory.embedders import Vectors
from memory.embeddings import Embeddings
from memory.log import WRITERS, LogEntry, entry_from, first_break, tail
from memory.record import Draft, Record, Scope, validated
from memory.writer import CHUNK, Writer, records_by_id
from storage.engine import Home
from storage.prepared import Prepared
from storage.rows import RawRow, RawRows, RowValues
from storage.tables import (
    memories,
    memory_hidings,
    memory_links,
    memory_log,
    memory_origins,
    memory_vectors,
    memory_versions,
)

DEFAULT_ACTOR = "ratchet"


class Records:
    """The memories of a home, with their history."""

    def __init__(
        self, home: Home, *, now: Callable[[], float] = time.time, embeddings: Embeddings | None = None
    ) -> None:
        self.home = home
        self.now = now
        self.embeddings = embeddings

    @contextmanager
    def changing(self, *, actor: str = DEFAULT_ACTOR) -> Iterator[Writer]:
        """Open one transaction of changes: all are stored, or none. Writers take turns: the log has one order."""
        with self.home.writing(alone=WRITERS) as connection:
            yield Writer(connection, actor=actor, now=self.now())

    def add(self, drafts: Sequence[Draft], *, actor: str = DEFAULT_ACTOR) -> list[str]:
        """Store drafts in one transaction; return their ids, in order. Those that are there already stay as they are.

        Raises MemoryRefusedError when one is not valid; then nothing is stored.
        """
        checked = [validated(draft) for draft in drafts]
        vectors = self.embedded(checked)
        with self.changing(actor=actor) as writer:
            writer.add(checked)
            self.store_vectors(writer, checked, vectors)
        return [draft.memory_id for draft in checked]

    def embedded(self, drafts: Sequence[Draft]) -> Vectors | None:
        """Embed drafts before the transaction that stores them: a slow embedder must not hold up other writers."""
        return self.embeddings.of([draft.text for draft in drafts]) if self.embeddings and drafts else None

    def store_vectors(self, writer: Writer, drafts: Sequence[Draft], vectors: Vectors | None) -> None:
        """Store the vectors of drafts in the transaction that stores the drafts."""
        if self.embeddings is None or vectors is None:
            return
        rows = {draft.memory_id: row for row, draft in enumerate(drafts) if draft.memory_id in writer.added}
        if rows:
            digests = {memory_id: drafts[row].digest for memory_id, row in rows.items()}
            self.embeddings.store(writer.connection, digests, vectors[list(rows.values())])

    def get(self, memory_ids: Sequence[str]) -> dict[str, Record]:
        """Return those of the memories that exist, by id."""
        with self.home.reading() as connection:
            return records_by_id(connection, memory_ids)

    def unknown_to(self, run_id: str, memory_ids: Sequence[str]) -> list[str]:
        """Return those of the memories that a learning run is not known to have brought about."""
        found: list[str] = []
        m, o = memories.c, memory_origins.c
        further = memory_origins.c.memory_id == m.memory_id
        joined = memories.outerjoin(memory_origins, further & (o.run_id == run_id))
        query = select(m.memory_id).select_from(joined).where(m.run_id != run_id, o.run_id.is_(None))
        with self.home.reading() as connection:
            for start in range(0, len(memory_ids), CHUNK):
                some = memory_ids[start : start + CHUNK]
                found += connection.execute(query.where(m.memory_id.in_(some)).order_by(m.memory_id)).scalars()
        return found

    def named(self, beginning: str, *, limit: int = 10) -> list[str]:
        """Return the ids, of memories that exist or once did, that begin so; sorted."""
        with self.home.reading() as connection:  # all of them: encrypted ids have no beginnings
            known = connection.execute(select(memory_log.c.memory_id).distinct()).scalars()
            return sorted(memory_id for memory_id in known if memory_id.startswith(beginning))[:limit]

    def scopes(self) -> dict[Scope, int]:
        """Return how many memories there are by exact scope, the largest first."""
        names = [part.name for part in fields(Scope)]
        columns = [memories.c[f"{name}_scope"] for name in names]
        query = select(func.count(), *columns).group_by(*columns).order_by(func.count().desc(), *columns)
        with self.home.reading() as connection:
            rows = connection.execute(query).all()
        return {Scope(**dict(zip(names, row[1:], strict=True))): row[0] for row in rows}

    def history(self, memory_id: str) -> list[LogEntry]:
        """Return every change of a memory, oldest first; it outlives the memory."""
        query = select(memory_log).where(memory_log.c.memory_id == memory_id).order_by(memory_log.c.seq)
        with self.home.reading() as connection:
            return [entry_from(dict(row)) for row in connection.execute(query).mappings()]

    def earlier_texts(self, memory_id: str) -> list[tuple[int, str]]:
        """Return (version, text) of what updates replaced, oldest first."""
        c = memory_versions.c
        query = select(c.version, c.text).where(c.memory_id == memory_id).order_by(c.version)
        with self.home.reading() as connection:
            return [(version, text) for version, text in connection.execute(query)]

    def linked(self, memory_id: str, relation: str) -> list[str]:
        """Return the ids of what a memory summarises or supersedes, sorted."""
        c = memory_links.c
        query = select(c.target).where(c.source == memory_id, c.relation == relation)
        with self.home.reading() as connection:
            return sorted(connection.execute(query).scalars())

    def first_break(self) -> int | None:
        """Return the sequence at which the audit trail was tampered with, None when it is whole."""
        with self.home.reading() as connection:
            return first_break(connection)


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to the records of a scope since a sequence, as of one point in time."""

    until: int  # the last sequence that is taken into account
    rows: Sequence[RowValues]  # of `memories`, the oldest first
    origins: Sequence[tuple[str, str, int]]  # (memory id, run, batch): further runs that brought one of the rows about
    hidings: Sequence[tuple[str, str, int]]  # the same: further runs that hid one of the rows
    forgotten: frozenset[str]
    vectors: Sequence[tuple[str, bytes]] = ()  # of the rows that have one of the embedder


def changes_since(home: Home, scope: Scope, since: int, embedder: str = "") -> Changes:
    """Read what an index of a scope has to catch up with."""
    asked = {"since": since, **scope.named()}
    with home.reading() as connection:
        until, events = _progress(connection, since)
        found = _rows_of(tuple(scope.named()))(connection, asked)
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in found]
        # most of the time somebody has added something, and nothing else has happened
        fields = tuple(scope.named())
        seen: RawRows = _further_of(memory_origins, fields)(connection, asked) if {"seen", "update"} & events else ()
        hid: RawRows = _further_of(memory_hidings, fields)(connection, asked) if {"hide", "update"} & events else ()
        origins, hidings = ([(row[0], row[1], row[2]) for row in further] for further in (seen, hid))
        forgotten = _FORGOTTEN(connection, {"since": since}).scalars().all() if "forget" in events else []
        chosen = [memories.c.changed_seq > since, *scope_conditions(scope)]
        vectors = _vectors(connection, chosen, embedder) if embedder else []
    return Changes(until, rows, origins, hidings, frozenset(forgotten), vectors)


_COLUMNS = [column.name for column in memories.columns]
_SINCE = memory_log.c.seq > bindparam("since")
_EVENTS = Prepared(select(memory_log.c.event, func.max(memory_log.c.seq)).where(_SINCE).group_by(memory_log.c.event))
_FORGOTTEN = Prepared(select(memory_log.c.memory_id).where(_SINCE, memory_log.c.event == "forget"))


def _progress(connection: Connection, since: int) -> tuple[int, set[str]]:
    """Return how far the log is, and what kinds of events there were since a sequence."""
    if not since:
        return tail(connection)[0], {"add", "seen", "hide"}
    found: Sequence[RawRow] = _EVENTS(connection, {"since": since}).all()
    return max((seq for _, seq in found), default=since), {event for event, _ in found}


@lru_cache
def _rows_of(fields: tuple[str, ...]) -> Prepared:
    # in the order in which they were added, as an index that followed the log took them: sums then round the same
    return Prepared(select(memories).where(*_changed(fields)).order_by(memories.c.seq))


@lru_cache
def _further_of(table: Table, fields: tuple[str, ...]) -> Prepared:
    c = table.c
    joined = table.join(memories, memories.c.memory_id == c.memory_id)
    return Prepared(select(c.memory_id, c.run_id, c.batch).select_from(joined).where(*_changed(fields)))


def _changed(fields: tuple[str, ...]) -> list[ColumnElement[bool]]:
    scoped = [memories.c[f"{name}_scope"] == bindparam(name) for name in fields]
    return [memories.c.changed_seq > bindparam("since"), *scoped]


def _vectors(connection: Connection, chosen: Sequence[ColumnElement[bool]], embedder: str) -> list[tuple[str, bytes]]:
    c, v = memories.c, memory_vectors.c
    joined = memory_vectors.join(memories, (c.memory_id == v.memory_id) & (c.digest == v.digest))
    query = select(v.memory_id, v.vector).select_from(joined).where(v.embedder == embedder, *chosen)
    return [(memory_id, vector) for memory_id, vector in connection.execute(query)]


def scope_conditions(scope: Scope) -> list[ColumnElement[bool]]:
    """Return what a row of `memories` must satisfy to belong to a scope."""
    return [memories.c[f"{name}_scope"] == value for name, value in scope.named().items()]
