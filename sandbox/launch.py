"""The worker's end of a zygote: take a child, start it, finish it."""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sandbox.channel import Channel, ChannelError
from sandbox.child import Start
from sandbox.zygote import BIRTH, COMMAND, Usage

ROOT = str(Path(__file__).resolve().parent.parent)
TRACE_BYTES = 1 << 16
_CREDENTIALS = struct.Struct("3i")


def python_command(module: str, arguments: dict[str, Any]) -> list[str]:
    """Return the command that runs `main(arguments)` of one of our modules in a clean interpreter."""
    code = f"import json,sys; sys.path.insert(0, {ROOT!r}); from {module} import main; main(json.loads(sys.argv[1]))"
    python = getattr(sys, "_base_executable", None) or sys.executable
    return [python, "-s", "-S", "-P", "-B", "-c", code, json.dumps(arguments)]


CLEAN_ENVIRONMENT = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "PYTHONUTF8": "1"}
"""For our own processes. The fixed hash seed makes a program that iterates over a set repeatable."""


class Streams:
    """Files that stand behind a child's descriptors 0 to 3."""

    def __init__(self, stdin: bytes, output_bytes: int) -> None:
        """Offer `stdin`; take at most `output_bytes` on each output stream."""
        self.stdin = _stored(stdin)
        self.stdout = _capped(output_bytes)
        self.stderr = _capped(output_bytes)
        self.trace = _capped(TRACE_BYTES)

    @property
    def all(self) -> list[int]:
        """All four, in the order of their numbers in the child."""
        return [self.stdin, self.stdout, self.stderr, self.trace]

    def close(self) -> None:
        """Give the memory back."""
        for fd in self.all:
            os.close(fd)


class Child:
    """A process forked and waiting, or running."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        """Process id as its zygote sees it."""
        self.socket = sock
        self.pid = _process_id(sock) or number
        """Process id as we see it."""

    def start(self, role: str, limits: dict[str, int], descriptors: list[int]) -> None:
        """Hand over descriptors and limits."""
        start: Start = {"role": role, "limits": limits}
        try:
            socket.send_fds(self.socket, [b"d"], descriptors)
        except OSError as error:
            raise ChannelError("the child is gone") from error
        Channel(self.socket).send(start)


class ZygoteHandle:
    """Starts a zygote and speaks with it."""

    def __init__(self, role: str, scratch: str) -> None:
        """Start the process, wait until it has set itself up, and have the first child forked.

        Raises ChannelError when it does not come up.
        """
        self._control, theirs = socket.socketpair()
        arguments = {"control": theirs.fileno(), "role": role, "scratch": scratch, "root": ROOT}
        self._process = subprocess.Popen(
            python_command("sandbox.zygote", arguments),
            pass_fds=[theirs.fileno()],
            env=CLEAN_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        self._channel = Channel(self._control)
        self.hello: Any = self._channel.receive()
        self._ready: list[Child] = []
        self._order(b"m")

    def take(self) -> Child:
        """Take the child that is ready and have the next one forked meanwhile. Raises ChannelError."""
        self._collect()
        child = self._ready.pop()
        self._order(b"m")
        return child

    def finish(self, child: Child, *, hung_up: bool) -> Usage:
        """Kill and reap a child and everything it started. Raises ChannelError."""
        child.socket.close()
        self._order(b"e" if hung_up else b"f", child.number)
        self._collect()
        usage: Usage = self._channel.receive()  # type: ignore[assignment]
        return usage

    def close(self) -> None:
        """End the zygote and every child of it."""
        self._control.close()
        self._process.kill()
        self._process.wait()

    def _collect(self) -> None:
        """Receive the child that was ordered; it comes before any later answer."""
        if self._ready:
            return
        message, descriptors, _, _ = socket.recv_fds(self._control, BIRTH.size, 1)
        if not descriptors:
            raise ChannelError("the zygote is gone")
        self._ready.append(Child(BIRTH.unpack(message)[0], socket.socket(fileno=descriptors[0])))

    def _order(self, letter: bytes, pid: int = 0) -> None:
        try:
            self._control.sendall(COMMAND.pack(letter, pid))
        except OSError as error:
            raise ChannelError("the zygote is gone") from error


def _process_id(sock: socket.socket) -> int:
    """Read the child's first byte, with the process id that the kernel translates for us; 0 where it does not."""
    _, ancillary, _, _ = sock.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
    for _, kind, content in ancillary:
        if kind == getattr(socket, "SCM_CREDENTIALS", None):
            return int(_CREDENTIALS.unpack(content)[0])
    return 0


def _capped(size: int) -> int:
    """Return a file of memory that takes `size` bytes and refuses the rest."""
    fd = _memory_file()
    if hasattr(fcntl, "F_ADD_SEALS"):
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return fd


def _stored(content: bytes) -> int:
    if not content:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    fd = _memory_file()
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _memory_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("stream", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
