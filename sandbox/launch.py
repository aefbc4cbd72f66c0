"""The worker's end of a zygote: take a child, start it, finish it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.canaries import Bait, breaches
from sandbox.channel import Channel, ChannelError
from sandbox.child import LIMITED, PID, START
from sandbox.zygote import ANSWER, ORDER, Arguments, Hello

if TYPE_CHECKING:
    from state.verdict import Isolation

ROOT = str(Path(__file__).resolve().parent.parent)
TRACE_BYTES = 1 << 16
_CREDENTIALS = struct.Struct("3i")


def start_python(
    module: str, arguments: dict[str, Any], control: socket.socket, log: int | None = None, hash_seed: str = "0"
) -> subprocess.Popen[bytes]:
    """Run `main(arguments)` of one of our modules in a clean interpreter that inherits `control` alone.

    It is out of reach of the terminal's Ctrl-C, which is for the application. log: where its standard error goes.
    hash_seed: of the interpreter, from which the order of its sets follows.
    """
    code = f"import json,sys; sys.path.insert(0, {ROOT!r}); from {module} import main; main(json.loads(sys.argv[1]))"
    python = getattr(sys, "_base_executable", None) or sys.executable
    with control:
        return subprocess.Popen(
            [python, "-s", "-S", "-P", "-B", "-c", code, json.dumps(arguments)],
            pass_fds=[control.fileno()],
            env={**CLEAN_ENVIRONMENT, HASH_SEED: hash_seed},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )


HASH_SEED = "PYTHONHASHSEED"
CLEAN_ENVIRONMENT = {HASH_SEED: "0", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2"}
"""For our own processes. The fixed hash seed makes a program that iterates over a set repeatable; with few arenas
threads do not reserve the address space that a program may use."""


class LevelRefusedError(Exception):
    """The machine does not allow this level of isolation; the text says what it refused."""


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


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a child used up and how it ended."""

    cpu_s: float
    peak_memory_bytes: int
    exit_status: int  # -1 where a signal ended it
    signal: int  # 0 where it exited
    ended_itself: bool


class Child:
    """A process forked and waiting, or running."""

    def __init__(self, name: int, sock: socket.socket) -> None:
        self.name = name
        """Number by which its zygote knows it."""
        self.socket = sock
        self.pid = 0
        """Process id as we see it, once it has greeted us."""

    def wait(self) -> None:
        """Wait until it is ready. Raises ChannelError when its zygote has ended."""
        greeting, ancillary, _, _ = self.socket.recvmsg(PID.size, socket.CMSG_SPACE(_CREDENTIALS.size))
        if not greeting:
            raise ChannelError("the zygote is gone")
        (self.pid,) = PID.unpack(greeting)
        for _, kind, content in ancillary:
            if kind == getattr(socket, "SCM_CREDENTIALS", None):
                self.pid = _CREDENTIALS.unpack(content)[0]

    def start(self, role: bytes, limits: dict[str, int], descriptors: list[int]) -> None:
        """Hand over descriptors and limits. Raises ChannelError."""
        message = START.pack(role, *(limits.get(name, -1) for name in LIMITED))
        try:
            socket.send_fds(self.socket, [message], descriptors)
        except OSError as error:
            raise ChannelError("the child is gone") from error


class ZygoteHandle:
    """Starts a zygote and speaks with it."""

    def __init__(self, role: str, level: Isolation, scratch: str, scratch_mb: int) -> None:
        """Start the process and wait until it has locked itself in at this level and proven it.

        Raises LevelRefusedError where the machine does not allow the level, ChannelError when the process does
        not come up.
        """
        self.level = level
        self.scratch_mb = scratch_mb
        self.unlimited_folder = "" if level == "full" else scratch
        self._control, theirs = socket.socketpair()
        bait = Bait(os.path.dirname(scratch), scratch_mb)
        arguments: Arguments = {
            "control": theirs.fileno(), "role": role, "root": ROOT, "level": level,
            "scratch": scratch, "scratch_mb": scratch_mb, "targets": bait.targets,
        }  # fmt: skip
        # the worker's own, which it was started with
        self._process = start_python("sandbox.zygote", {**arguments}, theirs, hash_seed=os.environ.get(HASH_SEED, "0"))
        self._channel = Channel(self._control)
        self._names = 0
        self._ordered: Child | None = None
        try:
            hello: Hello = self._channel.receive()
        except ChannelError:
            self.close()
            raise
        finally:
            bait.close()
        self.layers = hello["layers"]
        breached = breaches(level, hello["succeeded"])
        if hello["error"] or breached:
            self.close()
            raise LevelRefusedError(hello["error"] or f"it could {', '.join(breached)}")
        self._ordered = self._order_child()

    def take(self) -> Child:
        """Take the child that was ordered ahead and order the next. Raises ChannelError."""
        child = self._ordered or self._order_child()
        child.wait()
        self._ordered = self._order_child()
        return child

    def finish(self, child: Child, *, hung_up: bool) -> Usage:
        """Kill and reap a child and everything it started. Raises ChannelError."""
        self._order(b"e" if hung_up else b"f", child.name, [])
        answer = self._control.recv(ANSWER.size)
        child.socket.close()  # not before: a child that breaks the protocol would take it for leave to go
        if not answer:
            raise ChannelError("the zygote is gone")
        cpu_s, peak, status, number, itself = ANSWER.unpack(answer)
        return Usage(cpu_s=cpu_s, peak_memory_bytes=peak, exit_status=status, signal=number, ended_itself=itself)

    def close(self) -> None:
        """End the zygote and every child of it."""
        if self._ordered is not None:
            self._ordered.socket.close()
        self._control.close()
        self._process.kill()
        self._process.wait()

    def _order_child(self) -> Child:
        ours, theirs = socket.socketpair()
        if hasattr(socket, "SO_PASSCRED"):
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._names += 1
        with theirs:
            self._order(b"m", self._names, [theirs.fileno()])
        return Child(self._names, ours)

    def _order(self, letter: bytes, name: int, descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._control, [ORDER.pack(letter, name)], descriptors)
        except OSError as error:
            raise ChannelError("the zygote is gone") from error


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
