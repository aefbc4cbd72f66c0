"""Open the relational home: a SQLite database in a folder."""

import os
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, Table, bindparam, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from state.errors import RatchetError, SetupError, TransientError
from storage.migrations import migrate
from storage.prepared import driver_text

DATABASE_FILE = "ratchet.db"
BUSY_TIMEOUT_S = 30  # several processes share one file: wait rather than fail


class Home:
    """The relational home: every capability reads and writes through it.

    On SQLite: WAL and `synchronous=NORMAL`, so a killed process loses nothing that was committed.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self._writers: deque[Connection] = deque()  # idle: giving one back to the pool costs as much as a short insert

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection to read from."""
        with named_errors(self.folder), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction: committed at the end of the block, rolled back when it raises."""
        with named_errors(self.folder):
            try:
                connection = self._writers.pop()
            except IndexError:
                connection = self.engine.connect().execution_options(writes=True)
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                connection.close()  # a failed transaction may have left it in any state
                raise
            self._writers.append(connection)

    def close(self) -> None:
        """Close every connection."""
        while self._writers:
            self._writers.pop().close()
        self.engine.dispose()


def open_home(folder: Path) -> Home:
    """Open, or make, the home in `folder`.

    Raises SetupError when the folder cannot be written, is damaged, or belongs to a newer version of the product.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-probe-{os.getpid()}"
        probe.touch()
        probe.unlink(missing_ok=True)  # another thread of this process may have been as quick
    except OSError as error:
        raise SetupError(
            f"cannot write to the home {folder}: {error.strerror}. Choose another folder with --home or RATCHET_HOME"
        ) from error
    engine = create_engine(
        URL.create("sqlite", database=str(folder / DATABASE_FILE)),  # no text: a folder's name may hold ? and %
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        pool_size=0,  # no limit: as many connections as there are threads at work
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    home = Home(engine, folder)
    try:
        with home.writing() as connection:
            migrate(connection, folder)
    except BaseException:
        home.close()
        raise
    return home


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose key is not there yet; return how many were new."""
    if not rows:
        return 0
    sql = _insert_new(connection.dialect, table, tuple(rows[0]))
    return connection.exec_driver_sql(sql, [dict(row) for row in rows]).rowcount


def add_amounts(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add each row's `amount` to the one its key has so far."""
    kind = sqlite if connection.dialect.name == "sqlite" else postgresql
    insertion = kind.insert(table)
    added = {"amount": table.c.amount + insertion.excluded.amount}
    connection.execute(insertion.on_conflict_do_update(index_elements=list(table.primary_key), set_=added), list(rows))


@lru_cache(maxsize=64)
def _insert_new(dialect: Dialect, table: Table, names: tuple[str, ...]) -> str:
    # kept: building and compiling the statement costs more than the insert
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    kind = sqlite if dialect.name == "sqlite" else postgresql
    return driver_text(kind.insert(table).values(values).on_conflict_do_nothing(), dialect)


def _configure_sqlite(raw: sqlite3.Connection, _record: object) -> None:
    raw.isolation_level = None  # we say BEGIN ourselves, below
    try:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=NORMAL")
        raw.execute("PRAGMA foreign_keys=ON")
    except sqlite3.Error:
        raw.close()  # the pool never gets to know a connection that fails here
        raise


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads, then writes, would otherwise fail at once when another one wrote in between
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def named_errors(folder: Path, file: str = DATABASE_FILE) -> Iterator[None]:
    """Turn a database error that the user can fix, or that will pass, into one that says so."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        named = _named(folder, file, str(getattr(error, "orig", error)))
        if named is None:
            raise
        raise named from error


def _named(folder: Path, file: str, text: str) -> RatchetError | None:
    if "is full" in text or "No space left" in text:
        return SetupError(f"no space left for {folder}: free some, then run the same command again")
    if "locked" in text:
        return TransientError(f"the database in {folder} stayed locked for {BUSY_TIMEOUT_S} s")
    if "readonly" in text or "unable to open" in text or "I/O error" in text:
        return SetupError(f"cannot read or write {folder / file}: {text}. Choose another folder with --home")
    if "not a database" in text or "malformed" in text:
        return SetupError(f"{folder / file} is damaged or no database: move {folder} away and run again")
    return None
