"""Attacks that a zygote makes on itself before it takes a job: a level counts as active when they fail.

A kernel may accept a rule and not enforce it, and a container may refuse half of what it is asked for, so
what was asked for proves nothing.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from sandbox import kernel

if TYPE_CHECKING:
    from state.verdict import Isolation


class Targets(TypedDict):
    """What the attacks aim at."""

    folder: str  # readable and writable for everybody
    tcp_port: int
    udp_port: int
    abstract_socket: str
    path_socket: str
    pid: int
    scratch_mb: int


class Bait:
    """Targets outside the sandbox; keep it until the attacks are over."""

    def __init__(self, folder: str, scratch_mb: int) -> None:
        """Put a file to read, a folder to write to and four listening sockets within reach."""
        self._folder = Path(tempfile.mkdtemp(prefix="bait-", dir=folder))
        self._folder.chmod(0o777)
        (self._folder / "secret").write_text("read")
        tcp, udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets = [tcp, udp]
        for sock in self._sockets:
            sock.bind(("127.0.0.1", 0))
        tcp.listen()
        self.targets: Targets = {
            "folder": str(self._folder),
            "tcp_port": tcp.getsockname()[1],
            "udp_port": udp.getsockname()[1],
            "abstract_socket": f"\0{self._folder}" if sys.platform == "linux" else "",
            "path_socket": str(self._folder / "socket"),
            "pid": os.getpid(),
            "scratch_mb": scratch_mb,
        }
        for address in (self.targets["abstract_socket"], self.targets["path_socket"]):
            if address:
                self._listen(address)
        Path(self.targets["path_socket"]).chmod(0o777)

    def _listen(self, address: str) -> None:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(address)
        sock.listen()
        self._sockets.append(sock)

    def close(self) -> None:
        """Take the targets away."""
        for sock in self._sockets:
            sock.close()
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()


def attack(targets: Targets, scratch: str) -> list[str]:
    """Try every attack and return the names of those that succeeded, in order."""
    return [name for name, run in ATTACKS.items() if _succeeds(run, targets, scratch)]


def breaches(level: Isolation, succeeded: list[str]) -> list[str]:
    """Return the successful attacks that this level promises to stop."""
    return [name for name in succeeded if name not in _ALLOWED[level]]


def _succeeds(run: Callable[[Targets, str], object], targets: Targets, scratch: str) -> bool:
    try:
        run(targets, scratch)
    except (OSError, MemoryError, AttributeError):  # the last where the system has no such call
        return False
    return True


def _connect(family: int, kind: int, address: tuple[str, int] | str) -> None:
    with socket.socket(family, kind) as sock:
        sock.settimeout(2)
        sock.connect(address)
        sock.send(b"!")


def _write_beyond(targets: Targets, scratch: str) -> None:
    path = os.path.join(scratch, "canary")
    try:
        with open(path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, (targets["scratch_mb"] + 1) << 20)
    finally:
        os.unlink(path)


def _change_mode(path: str) -> None:
    before = os.stat(path).st_mode
    os.chmod(path, 0o600)
    if os.stat(path).st_mode == before:
        raise PermissionError(path)


def _touch(path: str) -> None:
    with open(path, "x"):
        pass


ATTACKS: dict[str, Callable[[Targets, str], object]] = {
    "read a file outside": lambda at, scratch: Path(at["folder"], "secret").read_text(),
    "write a file outside": lambda at, scratch: _touch(at["folder"] + "/written"),
    "change the mode of a file outside": lambda at, scratch: _change_mode(at["folder"] + "/secret"),
    "read another process's environment": lambda at, scratch: Path(f"/proc/{at['pid']}/environ").read_bytes(),
    "connect by TCP": lambda at, scratch: _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", at["tcp_port"])),
    "send by UDP": lambda at, scratch: _connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", at["udp_port"])),
    "connect to an abstract socket": lambda at, scratch: _connect(
        socket.AF_UNIX, socket.SOCK_STREAM, at["abstract_socket"]
    ),
    "connect to a socket file": lambda at, scratch: _connect(socket.AF_UNIX, socket.SOCK_STREAM, at["path_socket"]),
    "signal another process": lambda at, scratch: os.kill(at["pid"], 0),
    "trace a process": lambda at, scratch: kernel.syscall("ptrace", 0, 0, 0, 0),
    "open a user namespace": lambda at, scratch: kernel.syscall("unshare", kernel.CLONE_NEWUSER),
    "take memory through a memory file": lambda at, scratch: kernel.syscall("memfd_create", b"canary", 0),
    "take more disk than allowed": _write_beyond,
}
"""Each returns when it succeeds and raises OSError or MemoryError when it is stopped."""

_ALLOWED: dict[Isolation, frozenset[str]] = {
    "full": frozenset(),
    "landlock": frozenset({"take more disk than allowed"}),  # the worker looks at it while the program runs
    "rlimit": frozenset(ATTACKS),
}
