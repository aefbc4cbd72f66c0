"""Taking texts out of what quotes them: rows of the home, the content store, files in its folder."""

import html
import json
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Column, Connection, Table, func, select, tuple_, update

from storage.contents import FORGOTTEN
from storage.engine import Home
from storage.locks import FILE as LOCK_FILE
from storage.sealing import holds_text
from storage.tables import contents, metadata

LEAST_QUOTATION = 12  # characters: shorter texts are not looked for in what quotes them
_PAGE = 500  # rows held at one time


def quotable(texts: Sequence[str]) -> list[str]:
    """Return those of the texts that are long enough to be looked for, the longest first."""
    stripped = {one.strip() for one in texts}
    return sorted((one for one in stripped if len(one) >= LEAST_QUOTATION), key=lambda one: (-len(one), one))


def redacted(stored: str, texts: Sequence[str]) -> str:
    """Return a stored text without the given ones, also where JSON (up to two times) or HTML has escaped them."""
    for one in texts:
        for form in forms_of(one):
            if form in stored:
                stored = stored.replace(form, FORGOTTEN)
    return stored


def forms_of(quoted: str) -> list[str]:
    """Return how a text may be written in a file, the longest first."""
    forms = {quoted, html.escape(quoted), html.escape(quoted).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")}
    for ascii_only in (False, True):
        once = json.dumps(quoted, ensure_ascii=ascii_only)[1:-1]
        forms |= {once, json.dumps(once, ensure_ascii=ascii_only)[1:-1], html.escape(once)}
    return sorted(forms, key=lambda form: (-len(form), form))


def redact_rows(connection: Connection, texts: Sequence[str], *, spared: Sequence[Table]) -> int:
    """Take texts out of every text column that is not part of a key; return how many rows changed.

    `spared` tables stay as they are: those that are redacted elsewhere, and those that hold no texts by construction.
    """
    overwrite_freed(connection)
    changed = sum(
        _redact_column(connection, table, column, texts)
        for table in metadata.sorted_tables
        for column in table.columns
        if table not in (*spared, contents) and holds_text(column) and not column.primary_key
    )
    return changed + _redact_contents(connection, texts)


def redact_files(home: Home, texts: Sequence[str]) -> int:
    """Take texts out of the files in a home's folder that are no databases; return how many files changed."""
    forms = [form.encode("utf-8", "surrogatepass") for one in texts for form in forms_of(one)]
    return sum(_redact_file(path, forms) for path in sorted(home.folder.rglob("*")) if path.is_file())


def overwrite_freed(connection: Connection) -> None:
    """Have the bytes that this connection frees overwritten at once, where the database is SQLite."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def _redact_column(connection: Connection, table: Table, column: Column[str], texts: Sequence[str]) -> int:
    changed, key = 0, list(table.primary_key.columns)
    query = select(*key, column).where(func.length(column) >= LEAST_QUOTATION)
    found = []
    for *identity, stored in connection.execute(query):
        clean = redacted(stored, texts)
        if clean != stored:
            found.append((identity, clean))
    for identity, clean in found:
        connection.execute(update(table).where(tuple_(*key) == tuple(identity)).values({column.name: clean}))
        changed += 1
    return changed


def _redact_contents(connection: Connection, texts: Sequence[str]) -> int:
    """Take texts out of the content store: what quotes them keeps its address, not the quotation."""
    changed = 0
    for digest, body in _bodies(connection):
        stored = zlib.decompress(body).decode("utf-8", "surrogatepass")
        clean = redacted(stored, texts)
        if clean != stored:
            row = {"body": zlib.compress(clean.encode("utf-8", "surrogatepass"), 6)}
            connection.execute(update(contents).where(contents.c.digest == digest).values(row))
            changed += 1
    return changed


def _bodies(connection: Connection) -> Iterator[tuple[str, bytes]]:
    """Yield every content by address, a page at a time."""
    last = ""
    while True:
        query = select(contents.c.digest, contents.c.body).where(contents.c.digest > last)
        page = connection.execute(query.order_by(contents.c.digest).limit(_PAGE)).all()
        yield from ((digest, body) for digest, body in page)
        if len(page) < _PAGE:
            return
        last = page[-1].digest


def _redact_file(path: Path, forms: Sequence[bytes]) -> bool:
    if path.name == LOCK_FILE:
        return False  # it is empty, and closing it would let go of this process's locks
    stored = path.read_bytes()
    if stored.startswith(b"SQLite format 3\0") or path.name.endswith(("-wal", "-shm")):
        return False  # its bytes are pages: who owns the database redacts its rows
    clean = stored
    for form in forms:
        clean = clean.replace(form, FORGOTTEN.encode())
    if clean == stored:
        return False
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
        new.write(clean)
    Path(new.name).chmod(path.stat().st_mode)
    os.replace(new.name, path)
    return True
