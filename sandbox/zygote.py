"""The process that programs are forked from: started clean, single-threaded, warm, and without any payload.

It keeps one child ready ahead of the next job, hands the child's socket to the worker, and kills and reaps it
when the worker says so. Programs and tests go from the worker straight to the child: whatever a zygote has
read would be in the memory of every later child.

Commands from the worker are one byte and a process id; answers are JSON frames:
    b"m" 0     fork one more child; the answer is its id, with its socket as a descriptor
    b"f" pid   finish a child: kill what is left of it, reap, clean up; the answer is a `Usage`
    b"e" pid   the same for a child that has hung up: wait a moment for it to end by itself
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import random
import resource
import signal
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING, TypedDict

from sandbox.canaries import Targets, attack
from sandbox.channel import pack
from sandbox.child import ChildToBe
from sandbox.lockdown import Layer, Lockdown

if TYPE_CHECKING:
    from state.verdict import Isolation

ENVIRONMENT = {"PATH": "/nonexistent", "LANG": "C.UTF-8"}
"""All that a program finds in its environment, besides HOME and TMPDIR, its own folder."""

_FIRST_OWN_FD = 10
"""The numbers below are a child's."""

COMMAND = struct.Struct(">cq")
BIRTH = struct.Struct(">q")
_SELF_END_S = 0.05

PRELOADED = (
    "abc", "bisect", "collections", "copy", "datetime", "decimal", "enum", "faulthandler", "fractions", "functools",
    "hashlib", "heapq", "io", "itertools", "json", "linecache", "math", "operator", "re", "statistics",
    "string", "threading", "typing",
)  # fmt: skip


class Usage(TypedDict):
    """What a child used up and how it ended."""

    cpu_s: float
    peak_memory_bytes: int
    exit_status: int | None  # where it ended by itself
    signal: int | None
    ended_itself: bool


class Zygote:
    """Forks, kills and reaps."""

    def __init__(self, control: socket.socket, lockdown: Lockdown) -> None:
        """Take commands from `control`; children are locked in by `lockdown`."""
        self._control = control
        self._lockdown = lockdown
        self._child = ChildToBe(lockdown)

    def run(self) -> None:
        """Obey until the worker hangs up."""
        while command := self._control.recv(COMMAND.size, socket.MSG_WAITALL):
            letter, pid = COMMAND.unpack(command)
            if letter == b"m":
                self._fork()
                continue
            usage = self._finish(pid, hung_up=letter == b"e")
            try:
                clear(self._lockdown.scratch)
            finally:  # where it can't be cleared, this zygote ends and the worker starts another
                self._control.sendall(pack(usage))

    def prove(self, targets: Targets) -> list[str]:
        """Attack the targets from a child like any other; returns the attacks that succeeded."""
        reading, writing = os.pipe()
        pid = self._lockdown.fork()
        if pid == 0:
            try:
                self._lockdown.complete_in_child()
                os.write(writing, json.dumps(attack(targets, self._lockdown.scratch)).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with open(reading, "rb") as file:
            answer = file.read()
        os.waitpid(pid, 0)
        return json.loads(answer) if answer else ["lock a child in"]

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        if hasattr(socket, "SO_PASSCRED"):
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        pid = self._lockdown.fork()
        if pid == 0:
            self._child.run(theirs.fileno())
        theirs.close()
        socket.send_fds(self._control, [BIRTH.pack(pid)], [ours.fileno()])
        ours.close()

    def _finish(self, pid: int, *, hung_up: bool) -> Usage:
        ended_itself = _has_ended(pid, _SELF_END_S if hung_up else 0.0)
        if not ended_itself:
            os.kill(pid, signal.SIGKILL)
        if self._lockdown.level != "full":
            _kill_group(pid)
        _, status, used = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return {
            "cpu_s": used.ru_utime + used.ru_stime,
            "peak_memory_bytes": used.ru_maxrss * _MAXRSS_BYTES,
            "exit_status": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "ended_itself": ended_itself,
        }


def clear(folder: str) -> None:
    """Empty a folder that a program has used, whatever shape it left it in, and make it look untouched.

    Nested folders are moved up before they are removed, so that no depth is too deep. Raises OSError.
    """
    os.chmod(folder, 0o700)
    while entries := list(os.scandir(folder)):
        token = os.urandom(8).hex()
        for number, entry in enumerate(entries):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, 0o700)
            for index, inner in enumerate(list(os.scandir(entry.path))):
                if inner.is_dir(follow_symlinks=False):
                    os.chmod(inner.path, 0o700)  # a folder is moved by those who may write to it
                os.rename(inner.path, os.path.join(folder, f"{token}-{number}-{index}"))
            os.rmdir(entry.path)
    os.utime(folder, (0, 0))


_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


def _has_ended(pid: int, patience_s: float) -> bool:
    """Tell whether a child has ended, without reaping it."""
    deadline = time.monotonic() + patience_s
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.001)
    return True


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


class Arguments(TypedDict):
    """What a zygote is started with."""

    control: int  # descriptor of the worker's socket
    role: str  # "program" or "judge"
    root: str  # folder of our own packages
    level: Isolation
    scratch: str
    scratch_mb: int
    targets: Targets


class Hello(TypedDict):
    """What a zygote says when it has set itself up."""

    error: str  # why it could not lock itself in
    layers: list[Layer]
    succeeded: list[str]  # attacks on itself that succeeded


def main(arguments: Arguments) -> None:
    """Set up once, then fork for every job."""
    control = socket.socket(fileno=fcntl.fcntl(arguments["control"], fcntl.F_DUPFD_CLOEXEC, _FIRST_OWN_FD))
    os.close(arguments["control"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in [*PRELOADED, *(["sandbox.judge"] if arguments["role"] == "judge" else [])]:
        importlib.import_module(name)
    sys.path[:] = [entry for entry in sys.path if entry != arguments["root"]]
    sys.path_importer_cache.clear()
    sys.argv = [""]
    random.seed(0)  # every program starts from the same state, so that its verdict repeats
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    hello: Hello = {"error": "", "layers": [], "succeeded": []}
    try:
        zygote = _locked_in(control, arguments, hello)
    except OSError as error:
        hello["error"] = str(error)
        control.sendall(pack(hello))
        return
    control.sendall(pack(hello))
    gc.collect()
    gc.freeze()
    zygote.run()


def _locked_in(control: socket.socket, arguments: Arguments, hello: Hello) -> Zygote:
    lockdown = Lockdown(arguments["level"], arguments["scratch"], arguments["scratch_mb"])
    os.chdir(lockdown.scratch)
    os.environ["TMPDIR"] = os.environ["HOME"] = lockdown.scratch
    zygote = Zygote(control, lockdown)
    hello["layers"] = lockdown.layers
    hello["succeeded"] = zygote.prove(arguments["targets"])
    return zygote
