"""Open the relational home: a SQLite database in a folder, or a PostgreSQL database."""

import hashlib
import os
import sqlite3
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, Dialect, Engine, PoolProxiedConnection, Table, bindparam, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from state.errors import RatchetError, SetupError, TransientError
from storage.keys import given_key
from storage.migrations import migrate
from storage.prepared import Prepared, driver_text
from storage.rows import Cell, RawRow, RowValues
from storage.sealing import Seal, closed_rows, seal_of

DATABASE_FILE = "ratchet.db"
BUSY_TIMEOUT_S = 30  # several processes share one file: wait rather than fail
RESTART_S = 60.0  # how long a database server may be away before work on it fails
_RETRY_S = 0.2


class Closable(Protocol):
    """What is closed with the home."""

    def close(self) -> None:
        """End it."""


Shared = TypeVar("Shared", bound=Closable)
Result = TypeVar("Result")


class Home:
    """The relational home: every capability reads and writes through it.

    On SQLite: WAL and `synchronous=NORMAL`, so a killed process loses nothing that was committed. On PostgreSQL the
    folder holds only what belongs to one machine: logs, reports, the mirror of the vectors.
    """

    def __init__(self, engine: Engine, folder: Path, url: str = "") -> None:
        self.engine = engine
        self.folder = folder
        self.url = url
        """Of the PostgreSQL database, password included: never print it; "" for SQLite."""
        self.mirror_url = ""
        """Of the server that mirrors the vectors of large memories; "": a folder in the home does."""
        self.name = str(folder)
        """What to call it in messages."""
        self.found_version = 0
        """Of the tables, when it was opened; 0: they were made."""
        self._writers: deque[Connection] = deque()  # idle: giving one back to the pool costs as much as a short insert
        self._shared: dict[str, Any] = {}  # a Closable each; one name, one type
        self._lock = threading.Lock()
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._patience_s = 0.0  # while it is being opened, a server that is away is the user's to start

    @property
    def seal(self) -> Seal | None:
        """What encrypts it; None where it is not encrypted."""
        return seal_of(self.engine.dialect)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection to read from: one state of the database, whatever others write meanwhile."""
        with self.naming_errors(), self._connected() as connection:
            yield connection.execution_options(isolation_level="REPEATABLE READ") if self.url else connection

    @contextmanager
    def writing(self, alone: str = "") -> Iterator[Connection]:
        """Open a transaction: committed at the end of the block, rolled back when it raises.

        alone: blocks of the same name never overlap, whichever process they are in: for what is read first and then
        written. (On SQLite no two blocks overlap at all.)
        """
        if self.url:
            # who waits for its turn in this process holds no connection meanwhile
            turn = self._turns[alone] if alone else nullcontext()
            with turn, self.naming_errors(), self._connected() as connection, connection.begin():
                if alone:
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%(key)s)", {"key": lock_key(alone)})
                yield connection
            return
        with self.naming_errors():
            try:  # a deque's ends are safe between threads: no lock on the way of every insert
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

    def naming_errors(self, file: str = DATABASE_FILE) -> AbstractContextManager[None]:
        """Turn errors of the database, or of another file beside it, into ones that say what to do."""
        return named_errors(self.name if self.url else self.folder, file)

    def shared(self, name: str, make: Callable[[], Shared]) -> Shared:
        """Return what all users of this home share under a name: made when first asked for, closed with the home."""
        with self._lock:
            shared: Shared = self._shared[name] if name in self._shared else make()
            self._shared[name] = shared
            return shared

    def fetched(self, statement: Prepared, parameters: RowValues) -> Sequence[RawRow]:
        """Return what one query finds, columns in its order: for the hot path, at a quarter of `reading`'s price."""
        if self.url:
            with self.reading() as connection:
                return statement(connection, parameters).all()
        with self.naming_errors():
            raw = self.engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute(*statement.for_driver(self.engine.dialect, parameters))
                return statement.opened(self.engine.dialect, cursor.fetchall())
            finally:
                raw.close()

    def close(self) -> None:
        """Close every connection."""
        while self._shared:  # first: what ends may still have something to write
            self._shared.popitem()[1].close()
        while self._writers:
            self._writers.pop().close()
        self.engine.dispose()

    def raw_connection(self) -> PoolProxiedConnection:
        """Return a connection of the driver, for the hot path; closing it gives it back."""
        with self.naming_errors():
            return self._patiently(self.engine.raw_connection)

    def _connected(self) -> Connection:
        return self._patiently(self.engine.connect)

    def _patiently(self, connect: Callable[[], Result]) -> Result:
        """Connect, waiting for a server that is being restarted."""
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                return connect()
            except _driver_errors() as error:
                lost = bool(self.url) and isinstance(_named(self.name, DATABASE_FILE, error), TransientError)
                if not lost or time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_S)


def open_home(folder: Path, url: str = "", *, upgrade: bool | None = None) -> Home:
    """Open, or make, the home in `folder`; with `url`, its database is that one instead of a file in the folder.

    upgrade: whether tables of an older version are brought up to date; None: on SQLite alone, since on PostgreSQL
    other machines may be working with them.
    With RATCHET_ENCRYPTION_KEY in the environment a new home is encrypted, and an encrypted one opens.
    Raises SetupError when the folder cannot be written, the database is damaged or out of reach, or belongs to
    another version of the product that this one cannot bring up to date, or when the key does not fit the home.
    """
    key = given_key()
    make_folder(folder)
    home = _on_postgres(folder, url) if url else _on_sqlite(folder)
    with ExitStack() as undo:
        undo.callback(home.close)  # until its tables fit, the caller has no home to close
        with home.writing(alone="schema") as connection:
            may_change = not url if upgrade is None else upgrade
            home.found_version = migrate(connection, home.name, upgrade=may_change, key=key)
        undo.pop_all()
    home._patience_s = RESTART_S
    return home


def make_folder(folder: Path) -> None:
    """Make the folder of a home; raises SetupError when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-probe-{os.getpid()}"
        probe.touch()
        probe.unlink(missing_ok=True)  # another thread of this process may have been as quick
    except OSError as error:
        raise SetupError(
            f"cannot write to the home {folder}: {error.strerror}. Choose another folder with --home or RATCHET_HOME"
        ) from error


def _on_postgres(folder: Path, url: str) -> Home:
    from storage.postgres import make_engine, name_of  # takes a while to import: only who uses it pays for it

    name = name_of(url)
    home = Home(make_engine(url), folder, url)
    home.name = name
    return home


def _on_sqlite(folder: Path) -> Home:
    engine = create_engine(
        URL.create("sqlite", database=str(folder / DATABASE_FILE)),  # no text: a folder's name may hold ? and %
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        pool_size=0,  # no limit: as many connections as there are threads at work
        hide_parameters=True,  # in errors: they are somebody's words
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Home(engine, folder)


def lock_key(name: str) -> int:
    """Return the number under which PostgreSQL knows an advisory lock."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def insert_new(connection: Connection, table: Table, rows: Sequence[RowValues]) -> int:
    """Insert the rows whose key is not there yet; return how many were new."""
    if not rows:
        return 0
    sql = _insert_new(connection.dialect, table, tuple(rows[0]))
    return connection.exec_driver_sql(sql, closed_rows(connection.dialect, table, in_order(table, rows))).rowcount


def in_order(table: Table, rows: Sequence[RowValues]) -> list[dict[str, Cell]]:
    """Return rows in the order of their keys: PostgreSQL stops writers that lock the same rows in different orders."""
    names = [column.name for column in table.primary_key]
    return sorted(map(dict, rows), key=lambda row: [row[name] for name in names])


def add_amounts(connection: Connection, table: Table, rows: Sequence[RowValues]) -> None:
    """Add each row's `amount` to the one its key has so far."""
    kind = sqlite if connection.dialect.name == "sqlite" else postgresql
    insertion = kind.insert(table)
    added = {"amount": table.c.amount + insertion.excluded.amount}
    addition = insertion.on_conflict_do_update(index_elements=list(table.primary_key), set_=added)
    connection.execute(addition, in_order(table, rows))


def raise_amounts(connection: Connection, table: Table, rows: Sequence[RowValues]) -> None:
    """Raise the amount that a row's key has to the row's own, where that is higher."""
    kind = sqlite if connection.dialect.name == "sqlite" else postgresql
    insertion = kind.insert(table)
    raised = insertion.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={"amount": insertion.excluded.amount},
        where=insertion.excluded.amount > table.c.amount,
    )
    connection.execute(raised, in_order(table, rows))


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
def named_errors(where: Path | str, file: str = DATABASE_FILE) -> Iterator[None]:
    """Turn a database error that the user can fix, or that will pass, into one that says so.

    where: the folder of the home, or the name of its database.
    """
    try:
        yield
    except _driver_errors() as error:
        found = _named(where, file, error)
        if found is None:
            raise
        raise found from error


def _driver_errors() -> tuple[type[Exception], ...]:
    loaded = sys.modules.get("psycopg")  # whoever has not imported it meets none of its errors
    return (DBAPIError, PoolTimeoutError, sqlite3.Error, *([loaded.Error] if loaded else []))


def _named(where: Path | str, file: str, error: Exception) -> RatchetError | None:
    if isinstance(where, str):
        from storage.postgres import named

        return named(error, where)
    text, folder = str(getattr(error, "orig", error)), where
    if "is full" in text or "No space left" in text:
        return SetupError(f"no space left for {folder}: free some, then run the same command again")
    if "locked" in text:
        return TransientError(f"the database in {folder} stayed locked for {BUSY_TIMEOUT_S} s")
    if "readonly" in text or "unable to open" in text or "I/O error" in text:
        return SetupError(f"cannot read or write {folder / file}: {text}. Choose another folder with --home")
    if "not a database" in text or "malformed" in text:
        return SetupError(f"{folder / file} is damaged or no database: move {folder} away and run again")
    return None


def vacuum(home: Home) -> None:
    """Make the room of deleted rows free for new ones, in every table of a PostgreSQL home."""
    _maintain(home, "VACUUM (ANALYZE)")


def rewrite(home: Home, tables: Iterable[str]) -> None:
    """Write tables of a PostgreSQL home anew, so that deleted rows are in none of their files; others wait meanwhile.

    Raises TransientError when others hold on to one of them: then run it again.
    """
    for table in tables:
        _maintain(home, f"VACUUM (FULL, ANALYZE) {table}")


def server_version(home: Home) -> str:
    """Return the name and version of the database program."""
    if not home.url:
        return f"SQLite {sqlite3.sqlite_version}"
    with home.reading() as connection:
        return "PostgreSQL " + str(connection.exec_driver_sql("SHOW server_version").scalar_one())


def _maintain(home: Home, statement: str) -> None:
    with home.naming_errors(), home._connected() as connection:
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        alone.exec_driver_sql(f"SET lock_timeout = '{BUSY_TIMEOUT_S}s'")
        try:
            alone.exec_driver_sql(statement)
        finally:
            alone.exec_driver_sql("RESET lock_timeout")
