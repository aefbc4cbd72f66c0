"""PostgreSQL as the home's database: connections, texts that it does not take as they are, errors in plain words."""

import os
import re
import socket
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.string import StrDumperUnknown, TextLoader
from sqlalchemy import Engine, String, create_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn

from state.errors import LostConnectionError, RatchetError, SetupError, TransientError

PREFIXES = ("postgresql://", "postgres://")
POOL_SIZE = 8  # connections for rows, and as many for checkpoints, of one process: the server has 100 by default
POOL_WAIT_S = 60.0  # for a connection of the pool: longer than any transaction of ours
CONNECT_TIMEOUT_S = 10
_DEAD_PEER = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

_MARK = "\x10"  # a control character that no text needs: it stands before what PostgreSQL does not take
_UNTAKEN = re.compile("[\x00\x10\ud800-\udfff]")
_ESCAPED = re.compile("\x10([0-9a-f]{4})")


def escaped(text: str) -> str:
    """Return a text without NUL and lone surrogates, from which `unescaped` makes the same one again."""
    if _UNTAKEN.search(text) is None:
        return text
    return _UNTAKEN.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def unescaped(stored: str) -> str:
    """Return the text that `escaped` was given."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), stored) if _MARK in stored else stored


class _EscapedDumper(StrDumperUnknown):
    def dump(self, obj: str) -> bytes:
        return escaped(obj).encode()


class _EscapedLoader(TextLoader):
    def load(self, data: Any) -> str:
        return unescaped(str(data, "utf-8"))


@compiles(CreateColumn, "postgresql")
def _texts_as_sqlite_keeps_them(element: CreateColumn, compiler: Any, **options: Any) -> str:
    """Make every text column one without a limit, ordered by code point: as in SQLite, so that results agree."""
    made: str = compiler.visit_create_column(element, **options)
    if isinstance(element.element.type, String):
        return re.sub(r"\b(VARCHAR(\(\d+\))?|TEXT)(?= |$)", 'TEXT COLLATE "C"', made, count=1)
    return made


def name_of(url: str) -> str:
    """Return how a database is named to people: without the password. Raises SetupError for what is no such URL."""
    if not url.startswith(PREFIXES):
        raise SetupError(
            "database_url must begin with postgresql://, as in postgresql://user:password@host:5432/ratchet"
        )
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise SetupError(
            "database_url cannot be read: write postgresql://user:password@host:port/database, with special characters "
            "of the password as %XX"
        ) from None  # what the driver says repeats parts of the URL
    host, port = parts.get("host") or parts.get("hostaddr") or "localhost", parts.get("port")
    where = f"{host}:{port}" if port else str(host)
    user = f"{parts['user']}@" if parts.get("user") else ""
    return f"postgresql://{user}{where}/{parts.get('dbname') or parts.get('user') or ''}"


def connect(url: str, **options: Any) -> psycopg.Connection[Any]:
    """Open one connection on which any text survives."""
    arguments: dict[str, Any] = {
        **_DEAD_PEER,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": f"ratchet on {socket.gethostname()}, process {os.getpid()}"[:63],
        "client_encoding": "utf8",
    }
    given = conninfo_to_dict(url)
    connection: psycopg.Connection[Any] = psycopg.connect(
        url, **{name: value for name, value in arguments.items() if name not in given}, **options
    )
    prepare(connection)
    return connection


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Let texts with NUL and lone surrogates through a connection."""
    connection.adapters.register_dumper(str, _EscapedDumper)
    for kind in ("text", "varchar"):
        connection.adapters.register_loader(kind, _EscapedLoader)


def make_engine(url: str, pool_size: int = POOL_SIZE) -> Engine:
    """Make an engine; nothing connects yet. Connections that a restart of the server broke are replaced unseen."""
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url),
        use_native_hstore=False,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        pool_pre_ping=True,
        pool_use_lifo=True,
        hide_parameters=True,
    )


# By the beginning of SQLSTATE: what the user can do about it.
_TO_DO = {
    "28": "check the user and the password in database_url, and the server's pg_hba.conf",
    "3D000": "make it first: `createdb NAME`, or `CREATE DATABASE \"NAME\" ENCODING 'UTF8'`",
    "42501": "give the user of database_url the right to make tables in that database",
    "53100": "free some space on the server, then run the same command again",
    "25006": "it is read-only, a standby perhaps: point database_url to the primary server",
}
_REFUSED = re.compile('role "|database "|authentication failed|no password supplied')
"""What is told while connecting, where there is no SQLSTATE."""
_PASSING = ("40", "55P03", "53", "57")


def named(error: BaseException, name: str) -> RatchetError | None:
    """Return an error of the driver as one that says what to do; None for one that nobody can act on."""
    cause = getattr(error, "orig", error)
    if not isinstance(cause, psycopg.Error):
        return None
    state = cause.sqlstate or ""
    said = (str(cause).strip() or type(cause).__name__).splitlines()[0]
    remedy = next((remedy for beginning, remedy in _TO_DO.items() if state.startswith(beginning)), None)
    if remedy:
        return SetupError(f"{name}: {said}. {remedy[0].upper()}{remedy[1:]}")
    if _REFUSED.search(said):
        return SetupError(f"{name}: {said}. Check database_url")
    if state.startswith("57P") or (not state and isinstance(cause, psycopg.OperationalError)):
        return LostConnectionError(f"the database {name} cannot be reached: {said}", reason="database")
    if state.startswith(_PASSING):
        return TransientError(f"the database {name} is busy: {said}", reason="database")
    return None
