"""Locks on PostgreSQL: advisory locks of one session, taken again where the server was restarted."""

import logging
import threading
import time
from typing import Any

import psycopg

from storage.engine import RESTART_S, Home, lock_key
from storage.postgres import connect

log = logging.getLogger(__name__)

WATCH_S = 1.0  # between two looks at the connection
GRACE_S = 5.0  # after a restart of the server: every process that lived has taken its locks again by then
_RETRY_S = 0.2
_PEER_GONE = "SET tcp_keepalives_idle TO 30; SET tcp_keepalives_interval TO 10; SET tcp_keepalives_count TO 3"
_HOLDERS = """
    SELECT DISTINCT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND a.application_name <> current_setting('application_name')
    AND (%s OR (l.classid::bigint << 32 | l.objid::bigint) = %s)
"""


class PostgresLocks:
    """Locks in a database. The server lets go of them when the process dies, or its machine stops answering.

    A restart of the server drops them all: each process takes its own again within a second or two, and nobody gets
    new ones until all others have had the time for that.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._connection: psycopg.Connection[Any] | None = None
        self._held: set[str] = set()
        self._mutex = threading.RLock()
        self._settled_at = 0.0  # monotonic: new locks from then on
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None

    def take(self, name: str) -> bool:
        """Hold a name until it is released or the process ends; False when it is held already, here or elsewhere."""
        with self._mutex, self._home.naming_errors():
            if name in self._held:
                return False
            taken = self._ask("SELECT pg_try_advisory_lock(%s)", name)
            if taken and time.monotonic() < self._settled_at:
                self._ask("SELECT pg_advisory_unlock(%s)", name)
                return False
            if taken:
                self._held.add(name)
                self._watch()
            return taken

    def release(self, name: str) -> None:
        """Let go of a name; one that is not held is no error."""
        with self._mutex, self._home.naming_errors():
            if name in self._held:
                self._held.remove(name)
                self._ask("SELECT pg_advisory_unlock(%s)", name)

    def holders(self, name: str = "") -> list[str]:
        """Return what other processes hold a name, or any name."""
        with self._mutex, self._home.naming_errors():
            rows = self._connected().execute(_HOLDERS, [not name, lock_key(name)]).fetchall()
        return sorted(row[0] for row in rows)

    def close(self) -> None:
        """Let go of every name."""
        self._closing.set()
        with self._mutex:
            if self._connection is not None:
                self._connection.close()
            self._held.clear()
        if self._watcher is not None:
            self._watcher.join()

    def _ask(self, query: str, name: str) -> bool:
        """Ask about a name, on a new connection where the old one broke."""
        deadline = time.monotonic() + RESTART_S
        while True:
            try:
                row = self._connected().execute(query.encode(), [lock_key(name)]).fetchone()
            except psycopg.OperationalError:
                if self._connection is not None:
                    self._connection.close()
                if self._closing.is_set() or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)
            else:
                return bool(row and row[0])

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            is_again = self._connection is not None
            opened = connect(self._home.url, autocommit=True)
            opened.execute(_PEER_GONE)
            for name in sorted(self._held):
                row = opened.execute("SELECT pg_try_advisory_lock(%s)", [lock_key(name)]).fetchone()
                if not (row and row[0]):
                    log.warning("another process took over while the database was away", extra={"name_of_lock": name})
            self._connection = opened
            if is_again:
                self._settled_at = time.monotonic() + GRACE_S
        return self._connection

    def _watch(self) -> None:
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._look_again, name="locks", daemon=True)
            self._watcher.start()

    def _look_again(self) -> None:
        while not self._closing.wait(WATCH_S):
            with self._mutex:
                try:
                    self._connected().execute("SELECT 1")
                except psycopg.OperationalError:
                    if self._connection is not None:
                        self._connection.close()
