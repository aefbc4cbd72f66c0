"""One process at a time works on a run: a lock that the kernel lets go of when the process dies."""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from state.errors import SetupError
from storage.engine import Home
from storage.locks import Locks, locks_of

NOTICED_S = 2.0  # within which a database server has noticed that a process on its own machine died
_LOOK_S = 0.05
# Folders of a home whose own folders are worked on by one process at a time; those of optimisations are in runs.
LEASED = ("runs", "forks", "proposals")
_PRUNING = "pruning"  # name of the lock that keeps other machines' work from beginning


class Lease:
    """An exclusive lock on a folder in one of LEASED; raises SetupError when another process holds it.

    On a PostgreSQL home, which several machines may share, the database locks its name as well.
    """

    def __init__(self, folder: Path, home: Home) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # always in this order: the home, the folder, the name in the database; let go of in the opposite one
        self._at_work = _home_lock(home, fcntl.LOCK_SH)
        self._file = (folder / "lock").open("a+")  # not "w": whoever is refused reads in it who holds it
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._close()
            raise SetupError(
                f"{folder.name} is being worked on by process {holder}. Wait for it, or stop it with: kill {holder}"
            ) from error
        self._locks, self._name = (locks_of(home) if home.url else None), _name_of(folder)
        if self._locks and (holders := _once_the_dead_are_gone(home, partial(_not_taken, self._locks, self._name))):
            self._close()
            raise SetupError(f"{folder.name} is being worked on by {', '.join(holders)}. Wait for it, or stop it there")
        try:
            _refuse_while_pruned(home)  # only now: who looks before holding a name may be overtaken by `alone`
        except SetupError:
            self.release()
            raise
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let go of the run."""
        if self._locks:
            self._locks.release(self._name)
        self._close()

    def _close(self) -> None:
        self._file.close()
        self._at_work.close()


@contextmanager
def at_work(home: Home) -> Iterator[None]:
    """Write to a home while nobody tidies it up; any number may. Raises SetupError while somebody does."""
    with _home_lock(home, fcntl.LOCK_SH), _named(home, f"at work {os.getpid()} on {socket.gethostname()}"):
        _refuse_while_pruned(home)
        yield


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Keep every other process's work from beginning, on whatever machine; raises SetupError while there is any.

    Both sides hold their own name before they look for the other's: so one of the two sees the other, or both do.
    """
    with _named(home, _PRUNING):
        if working := _once_the_dead_are_gone(home, partial(worked_on, home)):
            raise SetupError(f"{', '.join(working)} is being worked on: wait until it has ended")
        with _home_lock(home, fcntl.LOCK_EX):
            yield


@contextmanager
def _named(home: Home, name: str) -> Iterator[None]:
    """Hold a name that other machines can see; on SQLite, which one machine has to itself, there is none."""
    locks = locks_of(home) if home.url else None
    if locks and _once_the_dead_are_gone(home, partial(_not_taken, locks, name)):
        raise SetupError(f"{home.name} is being pruned: wait until that has ended")
    try:
        yield
    finally:
        if locks:
            locks.release(name)


def _refuse_while_pruned(home: Home) -> None:
    if home.url and (holders := _once_the_dead_are_gone(home, partial(locks_of(home).holders, _PRUNING))):
        raise SetupError(f"{home.name} is being pruned by {', '.join(holders)}: wait until that has ended")


def _once_the_dead_are_gone(home: Home, obstacles: Callable[[], list[str]]) -> list[str]:
    """Return what is in the way, having given a database server the time to notice that a process died."""
    deadline = time.monotonic() + (NOTICED_S if home.url else 0.0)
    while (found := obstacles()) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return found


def _not_taken(locks: Locks, name: str) -> list[str]:
    return [] if locks.take(name) else locks.holders(name) or ["another process"]


def _home_lock(home: Home, kind: int) -> IO[str]:
    """Lock a home: shared by those who work in it, or for one alone. It is held until the file is closed."""
    file = (home.folder / "lock").open("a+")
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        what = "is being pruned" if kind == fcntl.LOCK_SH else "is being worked on"
        raise SetupError(f"{home.folder} {what}: wait until that has ended") from error
    return file


def _name_of(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def is_worked_on(folder: Path, home: Home) -> bool:
    """Tell whether a process, on whatever machine, holds the lease of a run's folder right now."""
    return _is_locked(folder) or bool(home.url and locks_of(home).holders(_name_of(folder)))


def _is_locked(folder: Path) -> bool:
    file = folder / "lock"
    if not file.exists():
        return False
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def worked_on(home: Home) -> list[str]:
    """Return the names of what processes work on in a home right now: runs, optimisations, forks, series.

    On a PostgreSQL home also the processes on other machines that work on anything.
    """
    folders = [folder for kind in LEASED for folder in sorted((home.folder / kind).glob("*"))]
    here = [folder.name for folder in folders if _is_locked(folder)]
    return here or (locks_of(home).holders() if home.url else [])
