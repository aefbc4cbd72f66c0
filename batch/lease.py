"""One process at a time works on a run: a lock that the kernel lets go of when the process dies."""

import fcntl
import os
from pathlib import Path

from state.errors import SetupError

# Folders of a home whose own folders are worked on by one process at a time; those of optimisations are in runs.
LEASED = ("runs", "forks", "proposals")


class Lease:
    """An exclusive lock on a folder in one of LEASED; raises SetupError when another process holds it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise SetupError(
                f"{folder.name} is being worked on by process {holder}. Wait for it, or stop it with: kill {holder}"
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let go of the run."""
        self._file.close()


def is_worked_on(folder: Path) -> bool:
    """Tell whether a process holds the lease of a run's folder right now."""
    file = folder / "lock"
    if not file.exists():
        return False
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def worked_on(home: Path) -> list[str]:
    """Return the names of what processes work on in a home right now: runs, optimisations, forks, series."""
    return [folder.name for kind in LEASED for folder in sorted((home / kind).glob("*")) if is_worked_on(folder)]
