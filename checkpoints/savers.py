"""LangGraph's own savers, opened the way that costs least and loses nothing on a kill."""

import sqlite3
from pathlib import Path

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from storage.engine import named_errors

BUSY_TIMEOUT_S = 30.0
CHECKPOINT_FILE = "checkpoints.db"


def open_saver(folder: Path) -> SqliteSaver:
    """Open a saver on the checkpoint file of a home.

    A saver holds one lock, so each worker thread opens its own on the same file. WAL with `synchronous=NORMAL`: every
    commit survives a killed process (only a power cut may drop the last ones) at a fiftieth of FULL's price.
    Channels are JSON values, so the serialiser refuses to rebuild any other type.
    Raises SetupError when the file is damaged or cannot be written.
    """
    with named_errors(folder, CHECKPOINT_FILE):
        connection = sqlite3.connect(folder / CHECKPOINT_FILE, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        try:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # counts only before the first table is made
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            saver = SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
            saver.setup()
        except BaseException:
            connection.close()
            raise
    return saver


def close_saver(saver: SqliteSaver) -> None:
    """Close a saver's connection."""
    saver.conn.close()
