"""LangGraph's own savers, opened the way that costs least and loses nothing on a kill."""

import sqlite3
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from checkpoints.joining import JoiningSqliteSaver
from storage.engine import Home
from storage.sealing import CIPHER, Seal

if TYPE_CHECKING:
    from checkpoints.postgres import CheckpointPool, WholeSaver

BUSY_TIMEOUT_S = 30.0
CHECKPOINT_FILE = "checkpoints.db"
TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")  # of LangGraph, on PostgreSQL

Saver: TypeAlias = Union[JoiningSqliteSaver, "WholeSaver"]
AnySaver: TypeAlias = BaseCheckpointSaver[Any]
"""A saver of LangGraph's, whatever it numbers the versions of channels with."""


class StrictlyEncrypted(EncryptedSerializer):
    """LangGraph's encryption, which takes plain values for encrypted ones, without that."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Decrypt a value; raises SetupError for one that is not encrypted."""
        kind, stored = data
        if not kind.endswith(f"+{CIPHER}"):
            self.cipher.decrypt("", stored)  # says what is wrong
        return super().loads_typed(data)


PLAIN = JsonPlusSerializer(allowed_msgpack_modules=None)
"""What states become bytes with, before they are encrypted: JSON values only."""


def serializer(seal: Seal | None) -> SerializerProtocol:
    """Return what a home's states are saved with: encrypted where the home is."""
    return PLAIN if seal is None else StrictlyEncrypted(seal, PLAIN)


def open_saver(home: Home) -> Saver:
    """Open a saver on the checkpoints of a home: a file in its folder, or tables of its PostgreSQL database.

    A saver holds one lock, so each worker thread opens its own, on the same file or the same pool of connections.
    SQLite's WAL with `synchronous=NORMAL`: every commit survives a killed process (only a power cut may drop the last
    ones) at a fiftieth of FULL's price. On PostgreSQL the same: only a crash of the server may drop the last ones, and
    the ledger, which is asked first, is never behind.
    Channels are JSON values, so the serialiser refuses to rebuild any other type. An encrypted home's are encrypted;
    metadata and ids are not.
    Raises SetupError when the file is damaged or cannot be written.
    """
    serde = serializer(home.seal)
    if home.url:
        from checkpoints.postgres import WholeSaver

        return WholeSaver(checkpoint_pool(home).pool, serde=serde)
    with home.naming_errors(CHECKPOINT_FILE):
        connection = sqlite3.connect(home.folder / CHECKPOINT_FILE, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        try:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # counts only before the first table is made
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            saver = JoiningSqliteSaver(connection, serde=serde)
            saver.setup()
        except BaseException:
            connection.close()
            raise
    return saver


def close_saver(saver: Saver) -> None:
    """Save what waits, and close a saver's own connection: those of PostgreSQL belong to the home."""
    saver.close()


def threads_beginning(saver: Saver, prefix: str, most: int = -1) -> list[str]:
    """Return the ids of threads that begin so, sorted; all of them, or the first `most`."""
    if isinstance(saver, JoiningSqliteSaver):
        query = "SELECT DISTINCT thread_id FROM checkpoints WHERE thread_id >= ? AND thread_id < ? ORDER BY 1 LIMIT ?"
        return [row[0] for row in saver.conn.execute(query, (prefix, prefix + "\U0010ffff", most))]
    from checkpoints.postgres import query_rows

    found = query_rows(saver, "SELECT DISTINCT thread_id FROM checkpoints WHERE starts_with(thread_id, %s)", [prefix])
    return sorted(row[0] for row in found)[: most if most >= 0 else None]


def checkpoint_pool(home: Home) -> "CheckpointPool":
    """Return the connections that the savers of a PostgreSQL home share."""
    from checkpoints.postgres import CheckpointPool

    return home.shared("checkpoints", lambda: CheckpointPool(home))
