"""The judge: it runs test code in its own process and calls the program across the boundary.

The program sees calls, one at a time, and never an expectation or a verdict.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict

from sandbox.asserts import RECORDER, TestCode, compile_setup, compile_test
from sandbox.channel import Channel, ChannelError
from sandbox.peer import Peer
from sandbox.recorder import Recorder
from sandbox.remote import Candidate, judge_operations, represent

if TYPE_CHECKING:
    from state.task import AssertTest, CallTest, CheckTest, Test
    from state.verdict import Verdict


class JudgeTask(TypedDict):
    """What a judge works on; stdio tests are not among its tests."""

    program: str
    entry_point: str
    setup: str
    tests: list[Test]
    numbers: list[int]  # of each test, from 1
    coverage: bool


class Findings(TypedDict):
    """What a judge found. Verdicts are grouped by test."""

    verdicts: list[list[Verdict]]
    coverage: list[int] | None
    broken_setup: str  # why the author's code does not run; "" when it does


def judge(task: JudgeTask, channel: Channel) -> Findings:
    """Load the program at the far end of the channel and run every test against it.

    A program that ends, or is ended, leaves a verdict "killed" where it happened and "not_run" after it.
    """
    peer = Peer(channel, judge_operations(), represent, trusting=False)
    source = task["program"].splitlines()
    sheets = [_Sheet(test, number, source) for test, number in zip(task["tests"], task["numbers"], strict=True)]
    findings: Findings = {"verdicts": [], "coverage": None, "broken_setup": ""}
    try:
        namespace = _namespace(task["setup"])
    except Exception as error:  # noqa: BLE001 - the author's code may raise anything
        findings["broken_setup"] = f"{type(error).__name__}: {error}"[:500]
        return findings
    try:
        _run(sheets, task, namespace, peer)
        if task["coverage"]:
            findings["coverage"] = _lines(peer.ask("covered"))
    except ChannelError:
        findings["coverage"] = [] if task["coverage"] else None
    findings["verdicts"] = [sheet.recorder.rows for sheet in sheets]
    return findings


def _run(sheets: Sequence[_Sheet], task: JudgeTask, namespace: dict[str, object], peer: Peer) -> None:
    try:
        peer.ask("load", task["program"], task["coverage"])
    except (Exception, ChannelError) as error:  # noqa: BLE001 - the program may raise anything
        sheets[0].recorder.stopped(error)
        return
    if task["entry_point"]:
        namespace[task["entry_point"]] = Candidate(peer, task["entry_point"])
    for sheet in sheets:
        try:
            sheet.run(task["entry_point"], dict(namespace), peer)
        except ChannelError as error:
            sheet.recorder.stopped(error)
            raise
        except Exception as error:  # noqa: BLE001 - test code may raise anything
            sheet.recorder.stopped(error)
        else:
            sheet.recorder.finished()


def _namespace(setup: str) -> dict[str, object]:
    namespace: dict[str, object] = {"__name__": "tests"}
    if setup:
        exec(compile_setup(setup), namespace)
    return namespace


def _lines(value: object) -> list[int]:
    return [line for line in value if type(line) is int] if type(value) is list else []


class _Sheet:
    """One test with the rows its asserts fill in."""

    def __init__(self, test: Test, number: int, source: Sequence[str]) -> None:
        self._test = test
        self._code: TestCode | None = None
        self._broken: Exception | None = None
        names = [f"test {number}"]
        if test["kind"] == "assert" or test["kind"] == "check":
            names = self._compile(test, number)
        self.recorder = Recorder(names, test["visible"], source)

    def run(self, entry_point: str, namespace: dict[str, object], peer: Peer) -> None:
        """Run the test; what it raises is for the caller to record."""
        if self._broken is not None:
            raise self._broken
        if self._code is None:
            self._call(entry_point, peer)
            return
        namespace[RECORDER] = self.recorder
        namespace["__builtins__"] = _Builtins(peer)
        exec(self._code.code, namespace)
        if self._test["kind"] == "check":
            check: Any = namespace["check"]
            check(namespace[entry_point])

    def _compile(self, test: AssertTest | CheckTest, number: int) -> list[str]:
        try:
            self._code = compile_test(test["code"])
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self._broken = error
            return [f"test {number}"]
        lines = self._code.lines
        if test["kind"] == "assert" and len(lines) == 1:
            return [f"test {number}"]
        return [f"test {number}, assert {index}, line {line}" for index, line in enumerate(lines, start=1)]

    def _call(self, entry_point: str, peer: Peer) -> None:
        test: CallTest = self._test  # type: ignore[assignment]
        with self.recorder.check(0, False) as check:
            args, expected = _literal(test["args"]), _literal(test["expected"])
            got = peer.ask("call", entry_point, list(args), {})
            check.same(got, expected)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.Expression:
    return ast.parse(text.strip(), "<literal>", "eval")


def _literal(text: str) -> Any:
    """Evaluate a Python literal; every call makes new lists, since a program may change them."""
    return ast.literal_eval(_parsed(text))


class _Builtins(dict[str, object]):
    """The builtins of a test, and what it uses though nobody defined it.

    Such a name is a module of the standard library, else the program's.
    """

    def __init__(self, peer: Peer) -> None:
        super().__init__(vars(builtins))
        self._peer = peer

    def __missing__(self, name: str) -> object:
        if name in sys.stdlib_module_names:
            self[name] = importlib.import_module(name)
        else:
            try:
                self[name] = self._peer.ask("name", name)
            except NameError:
                raise KeyError(name) from None  # the interpreter makes it the NameError that it is
        return self[name]
