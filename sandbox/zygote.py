"""The process that programs are forked from: started clean, single-threaded, warm, and without any payload.

It keeps one child ready ahead of the next job, hands the child's socket to the worker, and kills and reaps it
when the worker says so. Programs and tests go from the worker straight to the child: whatever a zygote has
read would be in the memory of every later child.

Commands from the worker are one byte and a process id; answers are JSON frames:
    b"m" 0     fork one more child; the answer is its id, with its socket as a descriptor
    b"f" pid   finish a child: kill what is left of it, reap, clean up; the answer is a `Usage`
    b"e" pid   the same for a child that has hung up: wait a moment for it to end by itself
"""

import gc
import importlib
import os
import resource
import shutil
import signal
import socket
import struct
import sys
import time
from typing import Any, TypedDict

from sandbox.channel import pack
from sandbox.child import run_child

COMMAND = struct.Struct(">cq")
BIRTH = struct.Struct(">q")
_SELF_END_S = 0.05

PRELOADED = (
    "abc", "bisect", "collections", "copy", "datetime", "decimal", "enum", "faulthandler", "fractions", "functools",
    "hashlib", "heapq", "io", "itertools", "json", "linecache", "math", "operator", "random", "re", "statistics",
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

    def __init__(self, control: socket.socket, scratch: str, role: str) -> None:
        """Take commands from `control`. `scratch` is the only folder a child may write to."""
        self._control = control
        self._scratch = scratch
        self._role = role

    def run(self) -> None:
        """Obey until the worker hangs up."""
        while command := self._control.recv(COMMAND.size, socket.MSG_WAITALL):
            letter, pid = COMMAND.unpack(command)
            if letter == b"m":
                self._fork()
            else:
                self._control.sendall(pack(self._finish(pid, hung_up=letter == b"e")))

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        if hasattr(socket, "SO_PASSCRED"):
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        pid = os.fork()
        if pid == 0:
            self._control.close()
            ours.close()
            run_child(theirs, self._scratch)
        theirs.close()
        socket.send_fds(self._control, [BIRTH.pack(pid)], [ours.fileno()])
        ours.close()

    def _finish(self, pid: int, *, hung_up: bool) -> Usage:
        ended_itself = _has_ended(pid, _SELF_END_S if hung_up else 0.0)
        if not ended_itself:
            os.kill(pid, signal.SIGKILL)
        _kill_group(pid)
        _, status, used = os.wait4(pid, 0)
        self._clean()
        code = os.waitstatus_to_exitcode(status)
        return {
            "cpu_s": used.ru_utime + used.ru_stime,
            "peak_memory_bytes": used.ru_maxrss * _MAXRSS_BYTES,
            "exit_status": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "ended_itself": ended_itself,
        }

    def _clean(self) -> None:
        for entry in os.scandir(self._scratch):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


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


def main(arguments: dict[str, Any]) -> None:
    """Set up once, then fork for every job."""
    control = socket.socket(fileno=arguments["control"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in PRELOADED:
        importlib.import_module(name)
    if arguments["role"] == "judge":
        importlib.import_module("sandbox.judge")
    sys.path[:] = [entry for entry in sys.path if entry != arguments["root"]]
    sys.path_importer_cache.clear()
    sys.argv = [""]
    os.chdir(arguments["scratch"])
    control.sendall(pack({"isolation": "rlimit"}))
    gc.collect()
    gc.freeze()
    Zygote(control, arguments["scratch"], arguments["role"]).run()
