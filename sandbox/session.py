"""One child process from its start to its end, and what its end means."""

from __future__ import annotations

import math
import os
import re
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.channel import RESULT_BYTES, TICK_S, Channel, ChannelError
from sandbox.launch import Streams, Usage, ZygoteHandle
from sandbox.protocol import Limits
from sandbox.recorder import settle, traceback_lines
from sandbox.watch import LimitName, LimitReached, Used, Watch, written

if TYPE_CHECKING:
    from state.verdict import Isolation, Verdict

TAIL_CHARACTERS = 2000
_TRACE_PATIENCE_S = 0.05
_FRAME = re.compile(r'File "<program>", line (\d+),? in (\S+)')
_LAST_LINE = re.compile(r"(\w+(?:\.\w+)*)(?:: (.*))?")
_MEMORY_ERRORS = frozenset({"MemoryError"})
_PROCESS_ERRORS = frozenset({"BlockingIOError"})


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What is known of a child after its end."""

    usage: Usage
    limit: LimitName
    stdout: bytes
    stderr: bytes
    output_bytes: int
    frames: list[tuple[int, str]]
    """Where it was when a limit or a crash stopped it, outermost first."""


class Session:
    """A child at work."""

    def __init__(self, zygote: ZygoteHandle, role: bytes, limits: Limits, *, stdin: bytes = b"", used: Used) -> None:
        """Take a child of the zygote and start it. `used` is what earlier children of the same job have used."""
        self._zygote = zygote
        self._limits = limits
        self.child = zygote.take()
        self._streams = Streams(stdin, limits.output_kb << 10)
        self.watch = Watch(limits, (self._streams.stdout, self._streams.stderr), used, zygote.unlimited_folder)
        self.watch.follow(self.child.pid)
        self.channel = Channel(self.child.socket, self.watch.tick, receive_bytes=RESULT_BYTES)
        self._role = role

    def start(self, *more_descriptors: int) -> None:
        """Hand over streams and limits. Raises ChannelError."""
        self.child.start(
            self._role, _resource_limits(self._limits, self._zygote.level), [*self._streams.all, *more_descriptors]
        )

    def wait_for_end(self) -> None:
        """Wait until the child itself has ended, whatever it leaves behind, or a limit is reached."""
        try:
            if not hasattr(os, "pidfd_open"):
                self.channel.receive()
                return
            pidfd = os.pidfd_open(self.child.pid)
        except (ChannelError, ProcessLookupError):
            return
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            while not poll.poll(TICK_S * 1000):
                self.watch.tick()
        except LimitReached:
            return
        finally:
            os.close(pidfd)

    def finish(self, *, hung_up: bool) -> Ending:
        """End the child and collect what it left. Raises ChannelError when the zygote is gone."""
        if self.watch.reached in ("cpu", "wall"):
            self._ask_where()
        usage = self._zygote.finish(self.child, hung_up=hung_up and not self.watch.reached)
        try:
            return self._ending(usage)
        finally:
            self._streams.close()

    def kill(self) -> None:
        """End the child now; `finish` is still needed."""
        try:
            os.kill(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _ask_where(self) -> None:
        """Have the child write its traceback: faulthandler answers this signal, even inside a C function."""
        try:
            os.kill(self.child.pid, signal.SIGXCPU)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + _TRACE_PATIENCE_S
        while not written(self._streams.trace) and time.monotonic() < deadline:
            time.sleep(0.002)

    def _ending(self, usage: Usage) -> Ending:
        streams = self._streams
        limit = self.watch.reached
        if not limit and usage.ended_itself and usage.signal == signal.SIGKILL and self._spent(usage):
            limit = "cpu"
        if not limit and self.watch.output_is_full():
            limit = "output"
        trace = _content(streams.trace).decode(errors="replace")
        frames = [(int(line), name[:100]) for line, name in _FRAME.findall(trace)][:12]
        return Ending(
            usage=usage,
            limit=limit,
            stdout=_content(streams.stdout),
            stderr=_content(streams.stderr),
            output_bytes=written(streams.stdout) + written(streams.stderr),
            frames=frames[::-1],
        )

    def _spent(self, usage: Usage) -> bool:
        return usage.cpu_s >= self._limits.cpu_s


def apply_ending(verdict: Verdict, ending: Ending, limits: Limits, source: Sequence[str]) -> None:
    """Say in the verdict of the test that was running why its program ended."""
    where = f" in line {ending.frames[-1][0]}" if ending.frames else ""
    usage = ending.usage
    verdict["traceback"] = traceback_lines(ending.frames, source)
    if ending.limit in ("cpu", "wall"):
        seconds = limits.cpu_s if ending.limit == "cpu" else limits.wall_s
        kind = "of CPU time" if ending.limit == "cpu" else "of wall time"
        settle(verdict, "timeout", f"timeout after {seconds:g} s {kind}{where}")
    elif ending.limit:
        settle(verdict, "killed", f"the {_amount(ending, limits)} it may use are used up{where}")
    elif not usage.ended_itself:
        settle(verdict, "killed", "the program broke off the conversation with its judge")
    elif usage.signal:
        name = signal.Signals(usage.signal).name
        settle(verdict, "killed", f"the program was ended by {name}{where}")
    else:
        message = f"the program exited with status {usage.exit_status} before it returned"
        settle(verdict, "error", message, error_type="SystemExit")


def _amount(ending: Ending, limits: Limits) -> str:
    if ending.limit == "output" and ending.output_bytes < limits.output_kb << 9:
        return f"{limits.file_mb} MB of disk"
    amounts = {
        "memory": f"{limits.memory_mb} MB of memory",
        "output": f"{limits.output_kb} KB of output",
        "processes": f"{limits.processes} processes",
    }
    return amounts[ending.limit]


def program_error(verdict: Verdict, ending: Ending, source: Sequence[str]) -> None:
    """Read from a script's standard error which exception ended it."""
    text = tail(ending.stderr)
    last = text.rstrip().rpartition("\n")[2]
    found = _LAST_LINE.fullmatch(last)
    status = ending.usage.exit_status
    if status == 1 and found:
        settle(verdict, "error", found[2] or "", error_type=found[1][:100])
    else:
        settle(verdict, "error", f"the program exited with status {status}", error_type="SystemExit")
    frames = [(int(line), name) for line, name in _FRAME.findall(text)]
    verdict["traceback"] = traceback_lines(frames[-12:], source)


def limit_behind(verdicts: Sequence[Verdict]) -> LimitName:
    """Return the limit that an exception in the program tells of."""
    for verdict in verdicts:
        if verdict["error_type"] in _MEMORY_ERRORS:
            return "memory"
        if verdict["error_type"] in _PROCESS_ERRORS or "can't start new thread" in verdict["message"]:
            return "processes"
    return ""


def tail(content: bytes) -> str:
    """Return the end of an output stream as text, at most 2,000 characters."""
    return content[-4 * TAIL_CHARACTERS :].decode(errors="replace")[-TAIL_CHARACTERS:]


def _content(fd: int) -> bytes:
    return os.pread(fd, written(fd), 0)


def _resource_limits(limits: Limits, level: Isolation) -> dict[str, int]:
    bounds = {
        "RLIMIT_CPU": math.ceil(limits.cpu_s) + 1,
        "RLIMIT_AS": limits.memory_mb << 20,
        "RLIMIT_FSIZE": limits.file_mb << 20,
        "RLIMIT_NOFILE": 64,
    }
    if level == "full" and _COUNTS_BY_NAMESPACE:
        bounds["RLIMIT_NPROC"] = limits.processes + _ZYGOTE_PROCESSES
    return bounds


_COUNTS_BY_NAMESPACE = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2]) >= (5, 14)
"""Older kernels count all processes of the user on the machine."""
_ZYGOTE_PROCESSES = 3
"""The zygote, the process that waits for it, and the child forked ahead."""
