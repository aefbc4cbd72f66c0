"""Verdicts under construction: one row per assert, filled in while test code runs."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from sandbox.channel import ChannelError
from sandbox.comparison import same, short
from sandbox.peer import MAX_MESSAGE, Raised

if TYPE_CHECKING:
    from state.verdict import Verdict, VerdictStatus

_OPERATORS = {
    "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "in": lambda item, container: item in container, "not in": lambda item, container: item not in container,
    "is": operator.is_, "is not": operator.is_not,
}  # fmt: skip


def blank(name: str, visible: bool) -> Verdict:
    """Return the verdict of a test that has not run."""
    return {
        "name": name, "visible": visible, "status": "not_run", "expected": "", "got": "",
        "error_type": "", "message": "", "traceback": [],
    }  # fmt: skip


def settle(
    verdict: Verdict,
    status: VerdictStatus,
    message: str = "",
    *,
    error_type: str = "",
    got: str = "",
    expected: str = "",
) -> None:
    """Fill in a verdict; what is not given becomes empty."""
    verdict["status"] = status
    verdict["message"] = message[:MAX_MESSAGE]
    verdict["error_type"] = error_type
    verdict["got"] = got
    verdict["expected"] = expected


class Recorder:
    """What the asserts of one test said; test code knows it as `__ratchet__`."""

    def __init__(self, names: Sequence[str], visible: bool, source: Sequence[str]) -> None:
        """Keep one row per name. `source` is the program's lines, shown in tracebacks."""
        self.rows = [blank(name, visible) for name in names]
        self._source = source
        self._open: list[int] = []
        self._executed: set[int] = set()

    def check(self, index: int, stopping: bool) -> Check:
        """Start the assert number `index`; a stopping one raises when it fails."""
        return Check(self, index, stopping)

    def opened(self, index: int) -> None:
        """Note that an assert is being evaluated: it has passed unless something says otherwise."""
        self._open.append(index)
        if index not in self._executed:
            self._executed.add(index)
            self.rows[index]["status"] = "passed"

    def closed(self) -> None:
        """Note that the assert opened last has been evaluated."""
        self._open.pop()

    def failed(self, index: int, got: str, expected: str) -> None:
        """Record that an assert does not hold; in a loop the first time counts."""
        row = self.rows[index]
        if row["status"] == "passed":
            settle(row, "failed", got=got, expected=expected)

    def raised(self, index: int, error: Exception) -> None:
        """Record that evaluating an assert raised."""
        row = self.rows[index]
        if row["status"] not in ("passed", "not_run"):
            return
        raised: Raised | None = getattr(error, "raised", None)
        status: VerdictStatus = "failed" if raised is None and isinstance(error, AssertionError) else "error"
        if raised is None:
            settle(row, status, f"in the test: {error}", error_type=type(error).__name__)
        else:
            settle(row, status, raised["message"], error_type=raised["type"])
            row["traceback"] = traceback_lines(raised["frames"], self._source)

    def stopped(self, error: BaseException) -> None:
        """Record what ended the test early, with the assert it belongs to."""
        if isinstance(error, FailedCheck):
            self.failed(error.index, error.got, error.expected)
        elif isinstance(error, ChannelError):
            self.rows[self._current()]["status"] = "killed"
        elif isinstance(error, Exception):
            self.raised(self._current(), error)

    def finished(self) -> None:
        """Drop asserts that the test did not reach on its own way; a test without any is an error."""
        if not self._executed:
            message = "no assert was reached" if self.rows else "the test holds no assert"
            self.rows = self.rows[:1] or [blank("test", True)]
            settle(self.rows[0], "error", message)
        else:
            self.rows = [row for row in self.rows if row["status"] != "not_run"]

    def _current(self) -> int:
        """Return the assert being evaluated, or the first that was not reached, or a new row for the test itself."""
        if self._open:
            return self._open[-1]
        for index, row in enumerate(self.rows):
            if row["status"] == "not_run":
                return index
        name = self.rows[0]["name"].partition(",")[0] if self.rows else "test"
        self.rows.append(blank(name, self.rows[0]["visible"] if self.rows else True))
        return len(self.rows) - 1


class FailedCheck(AssertionError):  # noqa: N818 - it is an assertion that failed, and test code may catch it as such
    """An assert that may be caught by the test itself."""

    def __init__(self, index: int, got: str, expected: str) -> None:
        super().__init__()
        self.index = index
        self.got = got
        self.expected = expected


class Check:
    """One assert being evaluated."""

    __slots__ = ("_index", "_recorder", "_stopping")

    def __init__(self, recorder: Recorder, index: int, stopping: bool) -> None:
        self._recorder = recorder
        self._index = index
        self._stopping = stopping

    def __enter__(self) -> Check:
        self._recorder.opened(self._index)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, ChannelError):
            return False  # the assert stays open: it is the one the program ended in
        self._recorder.closed()
        if not isinstance(error, Exception) or self._stopping:
            return False
        self._recorder.raised(self._index, error)
        return True

    def equal(self, got: object, expected: object) -> bool:
        """Compare as `==` does."""
        return bool(got == expected) or self._fail(short(got), short(expected))

    def same(self, got: object, expected: object) -> bool:
        """Compare as call tests do: by type and value, floats with a tolerance."""
        return same(got, expected) or self._fail(short(got), short(expected))

    def compare(self, sign: str, got: object, expected: object) -> bool:
        """Compare by another operator."""
        holds = bool(_OPERATORS[sign](got, expected))
        return holds or self._fail(short(got), f"{sign} {short(expected)}")

    def true(self, got: object) -> bool:
        """Look at the truth of a value."""
        return bool(got) or self._fail(short(got), "")

    def say(self, message: object) -> None:
        """Add what the test says about its failure."""
        row = self._recorder.rows[self._index]
        row["message"] = row["message"] or str(message)[:MAX_MESSAGE]

    def _fail(self, got: str, expected: str) -> bool:
        if self._stopping:
            raise FailedCheck(self._index, got, expected)
        self._recorder.failed(self._index, got, expected)
        return False


def traceback_lines(frames: Sequence[Sequence[object]], source: Sequence[str]) -> list[str]:
    """Show [line, function] frames with the text of the line."""
    shown = []
    for line, name in frames:
        text = source[line - 1].strip() if isinstance(line, int) and 0 < line <= len(source) else ""
        shown.append(f"line {line}, in {name}: {text[:200]}")
    return shown
