"""A super-step in one commit: what its node wrote, together with the checkpoint that follows from it.

LangGraph saves them one after the other, a millisecond apart, in two commits. Here the first waits for the second: a
node that is killed in between runs again, like one that is killed while it works. Our graphs run one node at a time, so
no other node's work waits meanwhile.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import WRITES_IDX_MAP, BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver

from state.json_values import JsonValue

_NO_TASK = "00000000-0000-0000-0000-000000000000"  # LangGraph's name for what comes from outside, such as an answer

Write: TypeAlias = tuple[str, JsonValue]
"""A channel and what a node puts into it."""


class Written(NamedTuple):
    """What a node wrote: the arguments of LangGraph's `put_writes`."""

    config: RunnableConfig
    writes: Sequence[Write]
    task_id: str
    task_path: str

    @property
    def can_wait(self) -> bool:
        """Whether a checkpoint follows at once: none does after an error, a question or what comes from outside."""
        return self.task_id != _NO_TASK and not any(channel in WRITES_IDX_MAP for channel, _ in self.writes)


class Waiting:
    """Writes that wait for the next use of their saver, which saves them first; that is mostly the checkpoint."""

    def __init__(self) -> None:
        self._written: list[Written] = []

    def add(self, written: Written) -> None:
        """Have it wait."""
        self._written.append(written)

    @contextmanager
    def ended(self) -> Iterator[list[Written]]:
        """Give what waits; it waits no more when the block ends without an error."""
        written = list(self._written)
        yield written
        del self._written[: len(written)]


class Joins(BaseCheckpointSaver[str]):
    """What both databases' savers have in common: it comes before LangGraph's class among their bases."""

    waiting: Waiting

    def put_writes(self, config: RunnableConfig, writes: Sequence[Write], task_id: str, task_path: str = "") -> None:
        """Save what a node wrote: together with the checkpoint that follows, where one does."""
        written = Written(config, writes, task_id, task_path)
        if written.can_wait:
            self.waiting.add(written)
        else:
            super().put_writes(*written)


class JoiningSqliteSaver(Joins, SqliteSaver):
    """LangGraph's saver on SQLite, with one commit per super-step."""

    def __init__(self, conn: sqlite3.Connection, *, serde: SerializerProtocol) -> None:
        super().__init__(conn, serde=serde)
        self.waiting = Waiting()
        self._uncommitted = _Uncommitted(conn, serde=serde)

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """Give a cursor, having written what waits in the same transaction."""
        with super().cursor(transaction) as cursor, self.waiting.ended() as waiting:
            for written in waiting:
                self._uncommitted.put_writes(*written)
            if waiting and not transaction:
                self.conn.commit()
            yield cursor

    def close(self) -> None:
        """Save what still waits and close the connection."""
        with self.cursor():
            pass
        self.conn.close()


class _Uncommitted(SqliteSaver):
    """LangGraph's saver in a transaction of another one on the same connection."""

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        cursor = self.conn.cursor()
        try:
            yield cursor
        finally:
            cursor.close()
