"""Taking texts out of saved states: a thread that quoted them opens and continues without the quotation."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ormsgpack

from checkpoints.savers import BUSY_TIMEOUT_S, CHECKPOINT_FILE
from state.errors import TransientError
from storage.engine import named_errors
from storage.redaction import forms_of, redacted

# (table, key, column of the encoding, column of the bytes)
_BLOBS = (
    ("checkpoints", "rowid", "type", "checkpoint"),
    ("checkpoints", "rowid", "'json'", "metadata"),
    ("writes", "rowid", "type", "value"),
)


def redact_checkpoints(folder: Path, texts: Sequence[str], *, wait_s: float = BUSY_TIMEOUT_S) -> int:
    """Take texts out of the checkpoints of a home and out of the file's free space; return how many values changed.

    Raises TransientError when another process is still reading the file after `wait_s`: then run it again.
    """
    file = folder / CHECKPOINT_FILE
    if not file.exists():
        return 0
    with named_errors(folder, CHECKPOINT_FILE):
        connection = sqlite3.connect(file, timeout=wait_s, isolation_level=None)
        try:
            connection.execute("PRAGMA secure_delete=ON")  # freed bytes are overwritten at once
            connection.execute("BEGIN IMMEDIATE")
            changed = sum(_redact_column(connection, texts, *blob) for blob in _BLOBS)
            connection.execute("COMMIT")
            connection.execute("VACUUM")
            ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()
    if busy:
        raise TransientError(f"another process is reading {file}: run it again to finish the purge")
    return changed


def _redact_column(connection: sqlite3.Connection, texts: Sequence[str], *names: str) -> int:
    table, key, encoding, column = names
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchall():
        return 0
    forms = [form.encode("utf-8", "surrogatepass") for one in texts for form in forms_of(one)]
    rows = connection.execute(f"SELECT {key}, {encoding}, {column} FROM {table}")  # noqa: S608 - constants above
    found = [row for row in rows if any(form in _bytes(row[2]) for form in forms)]
    for number, kind, stored in found:
        clean = _ENCODINGS.get(kind, _plain)(_bytes(stored), texts)
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", [clean, number])  # noqa: S608
    return len(found)


def _bytes(stored: Any) -> bytes:
    return stored.encode("utf-8", "surrogatepass") if isinstance(stored, str) else bytes(stored or b"")


def _msgpack(stored: bytes, texts: Sequence[str]) -> bytes:
    option = ormsgpack.OPT_NON_STR_KEYS

    def extension(tag: int, payload: bytes) -> ormsgpack.Ext:
        """Redact inside of what the serialiser wraps: objects of libraries are msgpack within msgpack."""
        try:
            return ormsgpack.Ext(tag, _msgpack(bytes(payload), texts))
        except ormsgpack.MsgpackDecodeError:
            return ormsgpack.Ext(tag, _plain(bytes(payload), texts))

    return ormsgpack.packb(_walked(ormsgpack.unpackb(stored, ext_hook=extension, option=option), texts), option=option)


def _json(stored: bytes, texts: Sequence[str]) -> bytes:
    return json.dumps(_walked(json.loads(stored), texts), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _plain(stored: bytes, texts: Sequence[str]) -> bytes:
    return redacted(stored.decode("utf-8", "surrogateescape"), texts).encode("utf-8", "surrogateescape")


_ENCODINGS: dict[str, Callable[[bytes, Sequence[str]], bytes]] = {"msgpack": _msgpack, "json": _json}


def _walked(value: Any, texts: Sequence[str]) -> Any:
    """Return a value of dicts and lists with every text in it redacted, keys included."""
    if isinstance(value, str):
        return redacted(value, texts)
    if isinstance(value, bytes):
        return _plain(value, texts)
    if isinstance(value, dict):
        return {_walked(key, texts): _walked(one, texts) for key, one in value.items()}
    return [_walked(one, texts) for one in value] if isinstance(value, list) else value
