"""Limits, watched from outside while a program runs."""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.channel import ChannelError
from sandbox.protocol import Limits

LimitName = Literal["", "cpu", "wall", "memory", "output", "processes"]

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST_WRITE = 1 << 13
"""A buffered stream writes at most this much at once, and a write that does not fit is refused whole."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Used:
    """What the programs of one job have used so far."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_bytes: int = 0


class LimitReached(ChannelError):  # noqa: N818 - it ends a wait, it is no mistake
    """A program has used up what it may use."""

    def __init__(self, limit: LimitName) -> None:
        super().__init__(limit)
        self.limit: LimitName = limit


class Watch:
    """The clock and the meters of one job; its `tick` raises LimitReached."""

    def __init__(self, limits: Limits, output_fds: tuple[int, ...], used: "Used", folder: str) -> None:
        """Watch from now on. What earlier programs of the same job have used counts too.

        folder: where the program may write without a quota of the file system's; "" where there is one.
        """
        self._folder = folder
        self._limits = limits
        self._output_fds = output_fds
        self._cpu_limit_s = limits.cpu_s - used.cpu_s
        self._deadline = time.monotonic() + limits.wall_s - used.wall_s
        self._others: list[tuple[Watch, Callable[[], None]]] = []
        self._pids: list[int] = []
        self.reached: LimitName = ""

    def follow(self, pid: int) -> None:
        """Count this process and all it starts."""
        self._pids.append(pid)

    def also(self, other: "Watch", on_limit: Callable[[], None]) -> None:
        """Look at another watch too; its limit ends its own program, not this one."""
        self._others.append((other, on_limit))

    def tick(self) -> None:
        """Look at clock and meters."""
        for other, on_limit in self._others:
            try:
                other.tick()
            except LimitReached:
                on_limit()
        self.reached = self.reached or self._over()
        if self.reached:
            raise LimitReached(self.reached)

    def _over(self) -> LimitName:
        cpu_s, memory_bytes, processes = usage_of(self._pids)
        if cpu_s > self._cpu_limit_s:
            return "cpu"
        if time.monotonic() > self._deadline:
            return "wall"
        if memory_bytes > self._limits.memory_mb << 20:
            return "memory"
        if processes > self._limits.processes:
            return "processes"
        if self.output_is_full() or (self._folder and folder_bytes(self._folder) > self._limits.file_mb << 20):
            return "output"
        return ""

    def output_is_full(self) -> bool:
        """Tell whether a stream has reached its cap."""
        cap = self._limits.output_kb << 10
        return any(written(fd) > cap - _LONGEST_WRITE for fd in self._output_fds)


def written(fd: int) -> int:
    """Return how many bytes have been written to a stream's file."""
    return os.lseek(fd, 0, os.SEEK_CUR)


def usage_of(roots: list[int]) -> tuple[float, int, int]:
    """Return CPU seconds, resident bytes and number of these processes and their descendants, as /proc tells now.

    Processes that have ended count nothing but what their parents waited for. All 0 where there is no /proc.
    """
    cpu_s, memory_bytes, processes, waiting = 0.0, 0, 0, list(roots)
    while waiting:
        pid = waiting.pop()
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                    waiting.extend(int(child) for child in file.read().split())
        except OSError:
            continue  # it has ended
        cpu_s += sum(int(field) for field in fields[11:15]) / _CLOCK_TICKS
        memory_bytes += int(fields[21]) * _PAGE_BYTES
        processes += int(fields[17])
    return cpu_s, memory_bytes, processes


def folder_bytes(folder: str) -> int:
    """Return what the files below a folder take on disk; what can't be looked at counts nothing."""
    total, waiting = 0, [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            with contextlib.suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return total
