"""Names that one process at a time may hold, on a home that several processes work on; a dead one lets go of its own.

In a folder they are ranges of one file that the kernel locks; on PostgreSQL they are advisory locks of a session.
"""

import fcntl
import threading
from pathlib import Path
from typing import BinaryIO, Protocol

from storage.engine import Home, lock_key

FILE = "locks"
_RANGE = 2**62  # offsets of the file that stand for names


class Locks(Protocol):
    """Names that are held by this process, or by others."""

    def take(self, name: str) -> bool:
        """Hold a name until it is released or the process ends; False when it is held already, here or elsewhere."""
        ...

    def release(self, name: str) -> None:
        """Let go of a name; one that is not held is no error."""
        ...

    def holders(self, name: str = "") -> list[str]:
        """Return what other processes hold a name, or any name, as far as the database knows them; [] in a folder."""
        ...

    def close(self) -> None:
        """Let go of every name."""
        ...


def locks_of(home: Home) -> Locks:
    """Return the locks of a home; every user of the home in this process shares them."""
    if home.url:
        from storage.postgres_locks import PostgresLocks

        return home.shared("locks", lambda: PostgresLocks(home))
    return home.shared("locks", lambda: FileLocks(home.folder / FILE))


class _LockFile:
    """A file of which this process locks ranges. There may be one per file: closing any other would drop the locks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: set[str] = set()
        self._file: BinaryIO | None = None
        self._mutex = threading.Lock()

    def take(self, name: str) -> bool:
        with self._mutex:
            if name in self.held:
                return False
            if self._file is None:
                self._file = self.path.open("ab")
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(name))
            except (BlockingIOError, PermissionError):
                self._close_if_idle()
                return False
            self.held.add(name)
            return True

    def release(self, name: str) -> None:
        with self._mutex:
            if name in self.held and self._file is not None:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _offset(name))
                self.held.remove(name)
                self._close_if_idle()

    def _close_if_idle(self) -> None:
        if not self.held and self._file is not None:
            self._file.close()
            self._file = None


_FILES: dict[Path, _LockFile] = {}
_FILES_MUTEX = threading.Lock()


def _offset(name: str) -> int:
    return lock_key(name) % _RANGE


class FileLocks:
    """Locks in a folder."""

    def __init__(self, path: Path) -> None:
        with _FILES_MUTEX:
            self._file = _FILES.setdefault(path.resolve(), _LockFile(path))
        self._mine: set[str] = set()

    def take(self, name: str) -> bool:
        """Hold a name until it is released or the process ends; False when it is held already, here or elsewhere."""
        taken = self._file.take(name)
        if taken:
            self._mine.add(name)
        return taken

    def release(self, name: str) -> None:
        """Let go of a name; one that is not held is no error."""
        if name in self._mine:
            self._mine.remove(name)
            self._file.release(name)

    def holders(self, name: str = "") -> list[str]:
        """Return nothing: the kernel does not say."""
        return []

    def close(self) -> None:
        """Let go of every name."""
        for name in list(self._mine):
            self.release(name)
