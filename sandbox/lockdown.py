"""How a zygote locks itself in, layer by layer, at one of three levels.

full      namespaces, a private file system, landlock, seccomp, resource limits
landlock  landlock, seccomp, resource limits: for containers that allow no namespaces
rlimit    resource limits, and seccomp on Linux: all that macOS and old kernels have
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from sandbox import kernel, landlock, namespaces, seccomp

if TYPE_CHECKING:
    from state.verdict import Isolation

LEVELS: tuple[Isolation, ...] = ("full", "landlock", "rlimit")
"""From the strongest to the weakest."""

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_SYSTEM_PATHS = (
    "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/zoneinfo",
    "/etc/localtime",
)  # fmt: skip
_FIRST_KEPT_FD = 200


class Layer(TypedDict):
    """One layer of isolation."""

    name: str
    active: bool
    detail: str


class Lockdown:
    """The isolation of a zygote, and what each of its children has yet to do for itself."""

    def __init__(self, level: Isolation, scratch: str, scratch_mb: int) -> None:
        """Lock this process in. Raises OSError where the kernel refuses what the level is made of."""
        self.level = level
        self.scratch = scratch
        self.layers: list[Layer] = []
        self._fork: Callable[[], int] = os.fork
        self._steps: list[Callable[[], object]] = []
        if level == "full":
            namespaces.enter([*_DEVICES, *readable_paths()], scratch, scratch_mb)
            self.scratch = namespaces.PRIVATE
            self._note("namespaces", "user, mount, process, network, ipc and uts")
            self._note("private files", f"{scratch_mb} MB at /tmp and /dev/shm; the rest is read-only")
        kept = _drop_root() if os.geteuid() == 0 else []
        if kernel.NUMBERS:
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
            self._note("no_new_privs", "nothing it starts gains a privilege")
            self._prepare()
        if level != "rlimit":
            self._restrict_files(kept)
        if level == "full":
            seccomp.Filter(processes=True).install()
            kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        if kernel.NUMBERS:
            self._note("seccomp", "system calls by allowlist")
        self._note("rlimits", "CPU time, memory, file size, descriptors, core dumps")

    def fork(self) -> int:
        """Fork a child, in a process namespace of its own at level full. Raises OSError."""
        return self._fork()

    def complete_in_child(self) -> None:
        """Do what a child has to do for itself, before it reads anything of a stranger's."""
        os.setsid()
        for step in self._steps:
            step()

    def _prepare(self) -> None:
        """Make ready what happens in every child: the less it has to build, the less memory is copied."""
        if self.level == "full":
            self._fork = kernel.forking(kernel.CLONE_NEWPID)
            self._steps = [kernel.dropping_capabilities()]
            return
        self._fork = kernel.forking(0)
        self._steps = [
            kernel.Prepared("prctl", kernel.PR_SET_PDEATHSIG, 9, 0, 0, 0),
            kernel.Prepared("prctl", kernel.PR_SET_DUMPABLE, 0, 0, 0, 0),
            seccomp.Filter(processes=False).install,
        ]

    def _restrict_files(self, kept: list[int]) -> None:
        paths = ["/"] if self.level == "full" else [*_DEVICES, *readable_paths()]
        readable = [os.open(path, os.O_PATH) for path in paths if os.path.exists(path)]
        writable = [os.open(path, os.O_PATH) for path in (self.scratch, os.devnull)]
        try:
            version = landlock.restrict([*readable, *kept], writable)
            self._note("landlock", f"version {version} of the kernel's rules")
        except OSError as error:
            if self.level != "full":
                raise
            self.layers.append({"name": "landlock", "active": False, "detail": str(error)})
        finally:
            for fd in [*readable, *writable]:
                os.close(fd)

    def _note(self, name: str, detail: str) -> None:
        self.layers.append({"name": name, "active": True, "detail": detail})


def readable_paths() -> list[str]:
    """Return what a program may read: the standard library and shared libraries, and the time zones."""
    library = os.path.dirname(os.path.dirname(os.__file__))
    inside = any(library == path or library.startswith(path + "/") for path in _SYSTEM_PATHS)
    return [*_SYSTEM_PATHS] if inside else [library, *_SYSTEM_PATHS]


def _drop_root() -> list[int]:
    """Become nobody, still able to import; returns descriptors of the folders that only root could reach."""
    opened = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in sys.path if os.path.isdir(path)}
    namespaces.become_nobody()
    kept = []
    for number, (path, fd) in enumerate(opened.items(), start=_FIRST_KEPT_FD):
        if not os.access(path, os.R_OK | os.X_OK):
            kept.append(os.dup2(fd, number))
            _redirect_imports(path, f"/proc/self/fd/{number}")
        os.close(fd)
    return kept


def _redirect_imports(old: str, new: str) -> None:
    sys.path[:] = [new if entry == old else entry for entry in sys.path]
    for module in list(sys.modules.values()):
        folders = getattr(module, "__path__", None)
        if isinstance(folders, list):
            folders[:] = [new + entry[len(old) :] if entry.startswith(old + "/") else entry for entry in folders]
    sys.path_importer_cache.clear()
