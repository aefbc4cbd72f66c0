"""A super-step in one commit: what its node wrote, together with the checkpoint that follows from it.

LangGraph saves them one after the other, a millisecond apart, in two commits. Here the first waits for the second: a
node that is killed in between runs again, like one that is killed while it works. Our graphs run one node at a time, so
no other node's work waits meanwhile.
"""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import WRITES_IDX_MAP
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver

from state.json_values import JsonValue

log = logging.getLogger(__name__)

_NO_TASK = "00000000-0000-0000-0000-000000000000"  # LangGraph's name for what comes from outside, such as an answer

Write: TypeAlias = tuple[str, JsonValue]
"""A channel and what a node puts into it."""


_INSERT = """
    INSERT OR IGNORE INTO writes
    (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def can_wait(writes: Sequence[Write], task_id: str) -> bool:
    """Tell whether a checkpoint follows at once: none does after an error, a question or what comes from outside."""
    return task_id != _NO_TASK and not any(channel in WRITES_IDX_MAP for channel, _ in writes)


Rows: TypeAlias = list[tuple[object, ...]]
"""What a node wrote, as the database takes it: what cannot be saved is refused when it is written."""


class Waiting:
    """Rows that wait for the next use of their saver, which saves them first; that is mostly the checkpoint.

    Where that fails they are gone with the checkpoint, and the node runs again: nothing is left over for other threads.
    """

    def __init__(self) -> None:
        self._rows: Rows = []

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, rows: Rows) -> None:
        """Have them wait, behind those that do."""
        self._rows += rows

    def taken(self) -> Rows:
        """Return what waits, which waits no more."""
        rows, self._rows = self._rows, []
        return rows


class JoiningSqliteSaver(SqliteSaver):
    """LangGraph's saver on SQLite, with one commit per super-step."""

    def __init__(self, conn: sqlite3.Connection, *, serde: SerializerProtocol) -> None:
        super().__init__(conn, serde=serde)
        self.waiting = Waiting()

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """Give a cursor, having written what waits in the same transaction."""
        with super().cursor(transaction) as cursor:
            if rows := self.waiting.taken():
                try:
                    cursor.executemany(_INSERT, rows)
                    if not transaction:
                        self.conn.commit()
                except BaseException:
                    self.conn.rollback()
                    raise
            yield cursor

    def put_writes(self, config: RunnableConfig, writes: Sequence[Write], task_id: str, task_path: str = "") -> None:
        """Save what a node wrote: together with the checkpoint that follows, where one does."""
        if not can_wait(writes, task_id):
            super().put_writes(config, writes, task_id, task_path)
            return
        at = config["configurable"]
        place = (str(at["thread_id"]), str(at["checkpoint_ns"]), str(at["checkpoint_id"]), task_id, task_path)
        self.waiting.add(
            [
                (*place, number, channel, *self.serde.dumps_typed(value))
                for number, (channel, value) in enumerate(writes)
            ]
        )

    def close(self) -> None:
        """Save what still waits, and close the connection."""
        try:
            if self.waiting:
                with self.cursor():
                    pass
        except sqlite3.Error as error:
            log.warning("a node will run again: what it wrote could not be saved", exc_info=error)
        finally:
            self.conn.close()
