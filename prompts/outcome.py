"""What is said of an attempt that failed, without giving the hidden tests away."""

import builtins
from collections import Counter
from collections.abc import Iterable, Sequence

from prompts.render import example_line
from state.task import Task
from state.verdict import Verdict

MAX_EXAMPLES = 5  # failing examples that are quoted
REASONS = {
    "failed": "wrong answer",
    "timeout": "too slow",
    "killed": "ended by the sandbox",
    "not_run": "never reached",
}
ENDED = frozenset({"timeout", "killed"})  # verdicts of a test during which the program was ended


def outcome_text(task: Task, verdicts: Sequence[Verdict], limit: str, cpu_s: float, *, with_hidden: bool) -> str:
    """Quote visible examples that failed with what the program gave; of hidden tests tell the shape of the failure.

    limit: that ended the program, "" for none. with_hidden: False says nothing of hidden tests, not even their shape.
    """
    visible = [v for v in verdicts if v["visible"]]
    told = verdicts if with_hidden else visible
    hidden = [v for v in told if not v["visible"]]
    return "\n".join([*_visible_failures(task, visible), *_hidden_shape(hidden), *_limit(limit, told, cpu_s)])


def shape_of_failure(verdicts: Iterable[Verdict]) -> str:
    """Say how tests failed, each way once, without their inputs and what they expect; "" when all passed."""
    return ", ".join(sorted({_kind(v) for v in verdicts if v["status"] != "passed"}))


def _visible_failures(task: Task, verdicts: Sequence[Verdict]) -> list[str]:
    tests = [test for test in task["tests"] if test["visible"]]
    # an assert test may hold several asserts: then the verdict's own name has to do
    names = [example_line(t, task["entry_point"]) for t in tests] if len(tests) == len(verdicts) else []
    lines = []
    for index, verdict in enumerate(verdicts):
        if verdict["status"] != "passed":
            name = names[index] if names else verdict["name"]
            lines.append(f"{name} {_what_happened(verdict)}")
    return lines[:MAX_EXAMPLES]


def _what_happened(verdict: Verdict) -> str:
    where = f" ({verdict['traceback'][-1]})" if verdict["traceback"] else ""
    if verdict["status"] == "error":
        return f"raised {verdict['error_type']}: {verdict['message']}{where}"
    if verdict["status"] == "failed":
        return f"failed: got {verdict['got']}" if verdict["got"] else "failed"
    return f"did not finish: {REASONS[verdict['status']]}{where}"


def _hidden_shape(verdicts: Sequence[Verdict]) -> list[str]:
    bad = [v for v in verdicts if v["status"] != "passed"]
    if not bad:
        return []
    kinds = Counter(_kind(v) for v in bad)
    listed = ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items()))
    return [f"{len(bad)} of {len(verdicts)} hidden tests failed: {listed}"]


def _kind(verdict: Verdict) -> str:
    if verdict["status"] != "error":
        return REASONS[verdict["status"]]
    # a program names its own exceptions, and could name one after a hidden test's input
    return verdict["error_type"] if hasattr(builtins, verdict["error_type"]) else "an exception of its own"


def _limit(limit: str, told: Sequence[Verdict], cpu_s: float) -> list[str]:
    """Name the limit that ended the program, where a test that may be told about met it."""
    if not limit or not any(v["status"] in ENDED or v["error_type"] == "MemoryError" for v in told):
        return []
    used = f" after {cpu_s:g} CPU seconds" if limit == "cpu" else ""
    return [f"The program was ended at its {limit} limit{used}."]
