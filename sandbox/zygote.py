"""The process that programs are forked from: started clean, single-threaded, warm, and without any payload.

It forks a child when the worker orders one, ahead of its job, and kills and reaps it when the worker says so.
Programs and tests go from the worker straight to the child: whatever a zygote has read would be in the memory of
every later child. And whatever a zygote touches between two forks is copied: it does as little as it can.

Orders from the worker are one byte and a number that names the child:
    b"m"  fork a child; its end of a socket to the worker comes with the order
    b"f"  finish it: kill what is left of it, reap, clean up; the answer is a `Usage`
    b"e"  the same for a child that has hung up: wait a moment for it to end by itself
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
from sandbox.rehearsal import rehearse_judge

if TYPE_CHECKING:
    from state.verdict import Isolation

ENVIRONMENT = {"PATH": "/nonexistent", "LANG": "C.UTF-8"}
"""All that a program finds in its environment, besides HOME and TMPDIR, its own folder."""

_ONE_DESCRIPTOR = socket.CMSG_SPACE(4)
_FIRST_OWN_FD = 10
"""The numbers below are a child's."""

ORDER = struct.Struct("@cq")
ANSWER = struct.Struct("@dqii?")
"""CPU seconds, peak memory in bytes, exit status or -1, signal or 0, whether it ended by itself."""
_SELF_END_S = 0.05

PRELOADED = (
    "abc", "bisect", "collections", "copy", "datetime", "decimal", "enum", "faulthandler", "fractions", "functools",
    "hashlib", "heapq", "io", "itertools", "json", "linecache", "math", "operator", "re", "statistics",
    "string", "threading", "typing",
)  # fmt: skip


class Zygote:
    """Forks, kills and reaps."""

    def __init__(self, control: socket.socket, lockdown: Lockdown) -> None:
        """Take commands from `control`; children are locked in by `lockdown`."""
        self._control = control
        self._lockdown = lockdown
        self._child = ChildToBe(lockdown)
        self._children: dict[int, int] = {}

    def run(self) -> None:
        """Obey until the worker hangs up."""
        while True:
            order, ancillary, _, _ = self._control.recvmsg(ORDER.size, _ONE_DESCRIPTOR)
            if not order:
                return
            letter, name = ORDER.unpack(order)
            if letter == b"m":
                self._fork(name, int.from_bytes(ancillary[0][2], sys.byteorder))
                continue
            answer = self._finish(self._children.pop(name), hung_up=letter == b"e")
            try:
                clear(self._lockdown.scratch)
            finally:  # where it can't be cleared, this zygote ends and the worker starts another
                self._control.send(answer)

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

    def _fork(self, name: int, descriptor: int) -> None:
        pid = self._lockdown.fork()
        if pid == 0:
            self._child.run(descriptor)
        os.close(descriptor)
        self._children[name] = pid

    def _finish(self, pid: int, *, hung_up: bool) -> bytes:
        ended_itself = _has_ended(pid, _SELF_END_S if hung_up else 0.0)
        if not ended_itself:
            os.kill(pid, signal.SIGKILL)
        if self._lockdown.level != "full":
            _kill_group(pid)
        _, status, used = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if not _CAN_PEEK:
            ended_itself = code != -signal.SIGKILL
        ended = (code, 0) if code >= 0 else (-1, -code)
        return ANSWER.pack(used.ru_utime + used.ru_stime, used.ru_maxrss * _MAXRSS_BYTES, *ended, ended_itself)


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


_CAN_PEEK = hasattr(os, "waitid")
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


def _has_ended(pid: int, patience_s: float) -> bool:
    """Tell whether a child has ended, without reaping it; False where the system can't tell."""
    if not _CAN_PEEK:
        time.sleep(patience_s)
        return False
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
    for name in PRELOADED:
        importlib.import_module(name)
    if arguments["role"] == "judge":
        rehearse_judge()
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
