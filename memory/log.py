"""The audit trail: append-only, without gaps, chained by digests. It is also the log that indexes follow."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sqlalchemy import Connection, func, select

from state.json_values import JsonMapping
from storage.contents import canonical, digest_of
from storage.prepared import Prepared, insertion
from storage.rows import Cell, RawRow, RowValues
from storage.tables import memory_log

Event: TypeAlias = Literal["add", "seen", "update", "merge", "supersede", "state", "hide", "link", "forget"]

START = "0" * 32
WRITERS = "memory"  # writers of the memory take turns, which gives the log its order


_INSERT = insertion(memory_log)
_LAST = select(func.max(memory_log.c.seq)).scalar_subquery()
_TAIL = Prepared(select(memory_log.c.seq, memory_log.c.chain).where(memory_log.c.seq == _LAST))


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What happened to one memory. It holds no text of the memory: digests, states, ids and numbers only."""

    memory_id: str
    event: Event
    before: str = ""
    after: str = ""
    cause: str = ""
    detail: JsonMapping = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line of the audit trail."""

    seq: int
    memory_id: str
    event: str
    actor: str
    cause: str
    before: str
    after: str
    detail: JsonMapping
    at: float
    chain: str


def append(connection: Connection, changes: Sequence[Change], *, actor: str, at: float) -> list[int]:
    """Add changes to the log inside the caller's transaction, which runs alone; return their sequences, in order."""
    seq, chain = tail(connection)
    rows: list[dict[str, Cell]] = []
    for change in changes:
        seq += 1
        row = {
            "seq": seq, "memory_id": change.memory_id, "event": change.event, "actor": actor, "cause": change.cause,
            "before": change.before, "after": change.after, "detail": canonical(dict(change.detail)), "at": at,
        }  # fmt: skip
        chain = _link(chain, row)
        rows.append({**row, "chain": chain})
    if rows:
        _INSERT(connection, rows)
    return [row["seq"] for row in rows]


def tail(connection: Connection) -> tuple[int, str]:
    """Return the last sequence and the digest of the chain up to it."""
    row: RawRow | None = _TAIL(connection, {}).first()
    return (row[0], row[1]) if row else (0, START)


def first_break(connection: Connection) -> int | None:
    """Return the sequence of the first entry that is missing or does not fit the chain; None when all do."""
    expected, chain = 1, START
    for row in connection.execute(select(memory_log).order_by(memory_log.c.seq)).mappings():
        entry = {key: value for key, value in row.items() if key != "chain"}
        chain = _link(chain, entry)
        if row["seq"] != expected or row["chain"] != chain:
            return expected
        expected += 1
    return None


def entry_from(row: RowValues) -> LogEntry:
    """Return a row of the log as an entry."""
    return LogEntry(**{**row, "detail": json.loads(row["detail"])})


def _link(chain: str, row: RowValues) -> str:
    return digest_of(chain + canonical(row))
