"""Checkpoints in the home's PostgreSQL database: connections of their own, since their commits may be lazy."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres._internal import Conn, get_connection
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg import Cursor
from psycopg.rows import DictRow, dict_row, tuple_row
from psycopg_pool import ConnectionPool

from checkpoints.joining import Waiting, can_wait
from state.errors import LostConnectionError
from state.json_values import JsonMapping, JsonObject
from storage.engine import RESTART_S, Home, lock_key
from storage.postgres import POOL_SIZE, connect, prepare

log = logging.getLogger(__name__)

_FIND = "SELECT 1 FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = %s AND checkpoint_id = %s"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A value on its way to the blobs."""

    value: str | float


class WholeSaver(PostgresSaver):
    """LangGraph's saver, in which every value goes through the serialiser, and with one commit per super-step.

    The stock one writes texts and numbers of top-level channels as JSON: 1e16 comes back as a whole number, infinity
    and NUL are refused, and an encrypting serialiser never sees them.
    """

    def __init__(self, conn: Conn, *, serde: SerializerProtocol | None = None) -> None:
        super().__init__(conn, serde=serde)
        self.waiting = Waiting()

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint.

        Only channels that have changed are written; the others are those of the checkpoint before it. So raises
        LostConnectionError where a crash of the server dropped that one: the thread goes on from what there is.
        """
        values = checkpoint["channel_values"]
        kept = {name: _Kept(value) if isinstance(value, str | float) else value for name, value in values.items()}
        with get_connection(self.conn) as connection:  # one for both: it does not outlive a crash between them
            try:
                _refuse_orphan(connection, config["configurable"])
            except LostConnectionError:
                self.waiting.taken()  # it belongs to the checkpoint that is gone
                raise
            bound = copy(self)
            bound.conn = connection
            return PostgresSaver.put(bound, config, {**checkpoint, "channel_values": kept}, metadata, new_versions)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a node wrote: together with the checkpoint that follows, where one does."""
        if not can_wait(writes, task_id):
            super().put_writes(config, writes, task_id, task_path)
            return
        at = config["configurable"]
        place = (at["thread_id"], at["checkpoint_ns"], at["checkpoint_id"], task_id, task_path)
        self.waiting.add(list(self._dump_writes(*place, writes)))

    def close(self) -> None:
        """Save what still waits."""
        try:
            if self.waiting:
                with self._cursor():
                    pass
        except psycopg.Error as error:
            log.warning("a node will run again: what it wrote could not be saved", exc_info=error)

    @contextmanager
    def _cursor(self, *, pipeline: bool = False) -> Iterator[Cursor[DictRow]]:
        rows = self.waiting.taken()
        try:
            with super()._cursor(pipeline=pipeline) as cursor:
                if rows:  # in a pipeline: one transaction with what follows
                    cursor.executemany(self.INSERT_CHECKPOINT_WRITES_SQL, rows)
                yield cursor
        except psycopg.OperationalError:  # the connection broke: what was paid for is saved on the next one
            self.waiting.add(rows)
            raise

    def _dump_blobs(
        self, thread_id: str, checkpoint_ns: str, values: JsonObject, versions: ChannelVersions
    ) -> list[tuple[str, str, str, str, str, bytes | None]]:
        plain = {name: value.value if isinstance(value, _Kept) else value for name, value in values.items()}
        return super()._dump_blobs(thread_id, checkpoint_ns, plain, versions)


def _refuse_orphan(connection: psycopg.Connection[Any], place: JsonMapping) -> None:
    parent = place.get("checkpoint_id")
    if parent is None:
        return
    found = connection.execute(_FIND, [place["thread_id"], place.get("checkpoint_ns", ""), parent]).fetchone()
    if found is None:
        raise LostConnectionError(
            "a crash of the database server dropped the last checkpoint; the same command goes on from the one before",
            reason="database",
        )


class CheckpointPool:
    """The connections on which all savers of a process work. The tables are made, or brought up to date, first.

    `synchronous_commit` is off here and here alone: only a crash of the server itself may drop the last commits, and
    then episodes go on from a checkpoint that is a moment older.
    """

    def __init__(self, home: Home) -> None:
        with home.naming_errors():
            set_up(home.url)
        self.pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(
            home.url,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row, "client_encoding": "utf8"},
            min_size=1,
            max_size=POOL_SIZE,
            timeout=RESTART_S,
            reconnect_timeout=RESTART_S,
            configure=_configure,
            check=ConnectionPool.check_connection,
            open=True,
            name="ratchet-checkpoints",
        )

    def close(self) -> None:
        """Close every connection."""
        self.pool.close()


def set_up(url: str) -> None:
    """Make LangGraph's tables, or bring them up to date; processes take turns."""
    with connect(url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [lock_key("schema")])
        PostgresSaver(connection).setup()


def query_rows(saver: PostgresSaver, query: LiteralString, parameters: Sequence[Any] = ()) -> list[Any]:
    """Return the rows that a query on a saver's tables finds."""
    with get_connection(saver.conn) as connection, connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def _configure(connection: psycopg.Connection[Any]) -> None:
    prepare(connection)
    connection.execute("SET synchronous_commit TO off")
