"""What every sandbox offers: run one program against tests and say, test by test, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from state.task import Test
    from state.verdict import ExecutionReport


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one execution (all tests of one task) may use."""

    cpu_s: float = 10.0
    """CPU seconds of the program over all its tests: a loaded machine fails nobody."""
    wall_s: float = 60.0
    """Wall seconds: a generous backstop for programs that sleep or wait."""
    memory_mb: int = 1024
    """Memory of the program's processes, each."""
    file_mb: int = 16
    """Size of one file, and of everything in the private temporary directory."""
    output_kb: int = 4096
    """Standard output and error kept before the program is ended."""
    processes: int = 64
    """Processes and threads at one time."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A program and what it is tested with."""

    program: str
    entry_point: str
    """Name that call, assert and check tests call; "" for stdio tests only."""
    tests: Sequence[Test]
    setup: str = ""
    """Code of the task's author (imports, helpers): test code may use it, the program never sees it."""
    trusted_tests: bool = True
    """False for model-written tests: their judge is sandboxed like the program and not reused."""
    coverage: bool = False


class Sandbox(Protocol):
    """Runs strangers' programs. Safe to call from several threads at once."""

    def run(self, job: Job, limits: Limits) -> ExecutionReport:
        """Run the program against all tests; blocks while every worker is busy.

        A program that fails, crashes, floods or hangs is a report, never an exception.
        Raises TransientError when the sandbox itself broke (never the program's fault), SetupError when
        it cannot work on this machine.
        """
        ...

    def close(self) -> None:
        """End every worker; nothing stays behind."""
        ...
