"""Which thread branched from which: the table of forks, and the copying that makes one."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.base.id import uuid6
from sqlalchemy import Row, or_, select

from checkpoints.history import copy_point, copy_until
from checkpoints.savers import AnySaver
from state.json_values import JsonMapping, JsonObject
from storage.contents import canonical
from storage.engine import Home, insert_new
from storage.tables import forks


class ForkRow(TypedDict):
    """One branch."""

    fork_id: str
    parent: str  # thread that it branched from
    checkpoint_id: str
    node: str  # the first that ran again
    changes: JsonObject  # what was changed, addresses in place of texts
    teaches: int  # 0 or 1
    created_at: float


class Lineage:
    """The forks of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def add(self, row: ForkRow) -> None:
        """Note a fork; noting it again changes nothing."""
        with self._home.writing() as connection:
            insert_new(connection, forks, [{**row, "changes": canonical(row["changes"])}])

    def fork(self, fork_id: str) -> ForkRow | None:
        """Return a fork by its id."""
        with self._home.reading() as connection:
            row = connection.execute(select(forks).where(forks.c.fork_id == fork_id)).first()
        return _fork(row) if row else None

    def of(self, thread_id: str) -> list[ForkRow]:
        """Return what branched from a thread, the oldest first."""
        query = select(forks).where(forks.c.parent == thread_id).order_by(forks.c.created_at, forks.c.fork_id)
        with self._home.reading() as connection:
            return [_fork(row) for row in connection.execute(query)]

    def ancestors(self, thread_id: str) -> list[ForkRow]:
        """Return the forks that led to a thread, its own first; [] for an original."""
        found: list[ForkRow] = []
        row = self.fork(thread_id)
        while row is not None:
            found.append(row)
            row = self.fork(row["parent"])
        return found

    def family(self, thread_ids: Sequence[str]) -> list[ForkRow]:
        """Return the rows of all forks that have one of these threads as themselves or as their parent."""
        some = list(thread_ids)
        query = select(forks).where(or_(forks.c.fork_id.in_(some), forks.c.parent.in_(some)))
        with self._home.reading() as connection:
            return [_fork(row) for row in connection.execute(query)]


def branch(
    saver: AnySaver,
    points: Sequence[CheckpointTuple],
    at: CheckpointTuple,
    new_thread_id: str,
    values: JsonMapping,
) -> None:
    """Copy a thread up to one of its checkpoints, and put a checkpoint with other values on top.

    The thread itself is only read. Whatever an earlier try left of the new thread is removed first.
    """
    saver.delete_thread(new_thread_id)
    copy_until(saver, points, at, new_thread_id)
    step = at.metadata.get("step", 0) + 1
    versions = at.checkpoint["channel_versions"]
    bumped = {name: saver.get_next_version(versions.get(name), None) for name in values}
    changed: Any = {
        **at.checkpoint,
        "id": str(uuid6(clock_seq=step)),
        "ts": datetime.now(UTC).isoformat(),
        "channel_values": {**at.checkpoint["channel_values"], **values},
        "channel_versions": {**versions, **bumped},
    }
    edited = at._replace(checkpoint=changed, pending_writes=[])
    about = {"source": "fork", "step": step}
    copy_point(saver, edited, new_thread_id, parent=at.checkpoint["id"], writes=(), metadata=about)


def _fork(row: Row[Any]) -> ForkRow:
    return ForkRow(**{**row._mapping, "changes": json.loads(row.changes)})  # type: ignore[typeddict-item]
