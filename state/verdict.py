"""What the sandbox says of a program."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

VerdictStatus: TypeAlias = Literal["passed", "failed", "error", "timeout", "killed", "not_run"]
Isolation: TypeAlias = Literal["full", "landlock", "rlimit"]


class Verdict(TypedDict):
    """What the sandbox says of one test (of one assert, where a test holds several)."""

    name: str  # "test 3" or "assert 5"; the line of test code where there is one
    visible: bool
    status: VerdictStatus
    expected: str  # repr, at most 200 characters; "" where there is nothing to compare
    got: str
    error_type: str  # "ZeroDivisionError"; "" when nothing was raised
    message: str  # at most 500 characters
    traceback: list[str]  # "line 7, in solve: return 1 / 0": the program's own frames only


class ExecutionReport(TypedDict):
    """One execution of a program against its task's tests."""

    verdicts: list[Verdict]
    stdout: str  # tail, at most 2,000 characters
    stderr: str
    output_bytes: int
    cpu_s: float
    wall_s: float
    peak_memory_bytes: int
    limit: Literal["", "cpu", "wall", "memory", "output", "processes"]  # the limit that ended the program
    isolation: Isolation  # the level that was active, proven at start
    coverage: list[int] | None  # executed lines of the program, where asked for


class ReportSummary(TypedDict):
    """A report in the state: its counts, and the address of the whole in the content store.

    Hidden tests decide; where a task has none, the visible ones do.
    """

    passed: int  # of the tests that decide
    total: int  # tests that decide
    visible_passed: int
    visible_total: int
    status: VerdictStatus  # "passed", or of the first deciding test that did not; of what kept it from being reached
    limit: str
    cpu_s: float
    wall_s: float
    report: str  # content address; "" when nothing was executed


def deciding(verdicts: list[Verdict]) -> list[Verdict]:
    """Return the verdicts that decide: those of hidden tests, or of all where none is hidden.

    Visible examples are the model's to read: where a prompt's example contradicts its tests, the tests count.
    """
    return [v for v in verdicts if not v["visible"]] or verdicts


def solved(report: ReportSummary) -> bool:
    """Tell whether there was at least one test that decides, and all of them passed."""
    return report["total"] > 0 and report["passed"] == report["total"]
