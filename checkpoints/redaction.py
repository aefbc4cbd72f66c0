"""Taking texts out of saved states: a thread that quoted them opens and continues without the quotation."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import LiteralString

import ormsgpack

from checkpoints.savers import BUSY_TIMEOUT_S, CHECKPOINT_FILE, TABLES, checkpoint_pool
from state.errors import TransientError
from state.json_values import JsonValue
from storage.engine import Home, rewrite
from storage.redaction import forms_of, redacted
from storage.rows import Cell, RawRow
from storage.sealing import Seal

# (table, key, column of the encoding, column of the bytes)
_BLOBS = (
    ("checkpoints", "rowid", "type", "checkpoint"),
    ("checkpoints", "rowid", "'json'", "metadata"),
    ("writes", "rowid", "type", "value"),
)


# The same on PostgreSQL: (read, write) of every value, by its place in the table.
_POSTGRES: tuple[tuple[LiteralString, LiteralString], ...] = (
    (
        "SELECT ctid::text, 'json', checkpoint::text FROM checkpoints",
        "UPDATE checkpoints SET checkpoint = convert_from(%s, 'UTF8')::jsonb WHERE ctid = %s::tid",
    ),
    (
        "SELECT ctid::text, 'json', metadata::text FROM checkpoints",
        "UPDATE checkpoints SET metadata = convert_from(%s, 'UTF8')::jsonb WHERE ctid = %s::tid",
    ),
    (
        "SELECT ctid::text, type, blob FROM checkpoint_blobs",
        "UPDATE checkpoint_blobs SET blob = %s WHERE ctid = %s::tid",
    ),
    (
        "SELECT ctid::text, type, blob FROM checkpoint_writes",
        "UPDATE checkpoint_writes SET blob = %s WHERE ctid = %s::tid",
    ),
)


def redact_checkpoints(home: Home, texts: Sequence[str], *, wait_s: float = BUSY_TIMEOUT_S) -> int:
    """Take texts out of the checkpoints of a home and out of the file's free space; return how many values changed.

    Raises TransientError when another process is still reading the file after `wait_s`: then run it again.
    """
    if home.url:
        return _redact_tables(home, texts)
    file = home.folder / CHECKPOINT_FILE
    if not file.exists():
        return 0
    with home.naming_errors(CHECKPOINT_FILE):
        connection = sqlite3.connect(file, timeout=wait_s, isolation_level=None)
        try:
            connection.execute("PRAGMA secure_delete=ON")  # freed bytes are overwritten at once
            connection.execute("BEGIN IMMEDIATE")
            changed = sum(_redact_column(connection, home.seal, texts, *blob) for blob in _BLOBS)
            connection.execute("COMMIT")
            connection.execute("VACUUM")
            ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()
    if busy:
        raise TransientError(f"another process is reading {file}: run it again to finish the purge")
    return changed


def _redact_tables(home: Home, texts: Sequence[str]) -> int:
    """Redact LangGraph's tables of a PostgreSQL home; savers wait meanwhile."""
    checkpoint_pool(home)  # makes them where there are none
    forms, changed = _forms(texts), 0
    with home.writing() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(TABLES)} IN SHARE ROW EXCLUSIVE MODE")
        for read, write in _POSTGRES:
            rows: Iterable[RawRow] = connection.exec_driver_sql(read)
            opened = ((place, kind, _opened(home.seal, kind, stored)) for place, kind, stored in rows)
            for place, kind, stored in [row for row in opened if any(form in row[2] for form in forms)]:
                connection.exec_driver_sql(write, (_clean(home.seal, kind, stored, texts), place))
                changed += 1
    rewrite(home, TABLES)
    return changed


def _redact_column(connection: sqlite3.Connection, seal: Seal | None, texts: Sequence[str], *names: str) -> int:
    table, key, encoding, column = names
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchall():
        return 0
    forms = _forms(texts)
    rows = connection.execute(f"SELECT {key}, {encoding}, {column} FROM {table}")  # noqa: S608 - constants above
    opened = ((number, kind, _opened(seal, kind, stored)) for number, kind, stored in rows)
    found = [row for row in opened if any(form in row[2] for form in forms)]
    for number, kind, stored in found:
        clean = _clean(seal, kind, stored, texts)
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", [clean, number])  # noqa: S608
    return len(found)


def _forms(texts: Sequence[str]) -> list[bytes]:
    return [form.encode("utf-8", "surrogatepass") for one in texts for form in forms_of(one)]


def _opened(seal: Seal | None, kind: str, stored: Cell) -> bytes:
    """Return what was serialised, decrypted where it is encrypted."""
    _, encrypted, cipher = str(kind).partition("+")
    return _bytes(stored) if seal is None or not encrypted else seal.decrypt(cipher, _bytes(stored))


def _clean(seal: Seal | None, kind: str, opened: bytes, texts: Sequence[str]) -> bytes:
    """Return what to store in the place of a value: redacted, and encrypted as it was."""
    encoding, encrypted, _ = str(kind).partition("+")
    clean = _ENCODINGS.get(encoding, _plain)(opened, texts)
    return clean if seal is None or not encrypted else seal.encrypt(clean)[1]


def _bytes(stored: Cell) -> bytes:
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


def _walked(value: JsonValue, texts: Sequence[str]) -> JsonValue:
    """Return a value of dicts and lists with every text in it redacted, keys included."""
    if isinstance(value, str):
        return redacted(value, texts)
    if isinstance(value, bytes):
        return _plain(value, texts)
    if isinstance(value, dict):
        return {_walked(key, texts): _walked(one, texts) for key, one in value.items()}
    return [_walked(one, texts) for one in value] if isinstance(value, list) else value
