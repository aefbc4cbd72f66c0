"""Say what went wrong with the latest attempt, without giving the hidden tests away."""

import builtins
import json
from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from langgraph.runtime import Runtime

from prompts.render import example_line
from runtime.context import Context
from state.episode import Attempt, EpisodeSpec
from state.task import Task
from state.verdict import ReportSummary, Verdict
from storage.contents import canonical

MAX_EXAMPLES = 5  # failing examples that are quoted
REASONS = {
    "failed": "wrong answer",
    "timeout": "too slow",
    "killed": "ended by the sandbox",
    "not_run": "never reached",
}
ENDED = frozenset({"timeout", "killed"})  # verdicts of a test during which the program was ended


class ReflectReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec
    attempts: list[Attempt]


class ReflectWrites(TypedDict):
    """What the node writes."""

    attempts: list[Attempt]


def reflect(state: ReflectReads, runtime: Runtime[Context]) -> ReflectWrites:
    """Turn the report into repair feedback.

    Visible examples are quoted with what the program gave. Of hidden tests only the shape of the failure is told, and
    that only while learning: never their inputs, never what they expect.
    """
    context, attempt = runtime.context, state["attempts"][-1]
    summary = attempt["report"]
    assert summary is not None, "execute comes before reflect"
    task = context.tasks.get(state["episode"]["task"])
    verdicts: list[Verdict] = json.loads(context.contents.get(summary["report"]))["verdicts"]
    visible = [v for v in verdicts if v["visible"]]
    told = verdicts if state["episode"]["learn"] else visible
    outcome = "\n".join(
        [
            *_visible_failures(task, visible),
            *_hidden_shape([v for v in told if not v["visible"]]),
            *_limit(summary, told, task["limits"].get("cpu_s", context.settings.sandbox.cpu_s)),
        ]
    )
    [address] = context.contents.put(canonical({"outcome": outcome}))
    return {"attempts": [{**attempt, "feedback": address}]}


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
    if verdict["status"] == "error":
        where = f" ({verdict['traceback'][-1]})" if verdict["traceback"] else ""
        return f"raised {verdict['error_type']}: {verdict['message']}{where}"
    if verdict["status"] == "failed":
        return f"failed: got {verdict['got']}" if verdict["got"] else "failed"
    return f"did not finish: {REASONS[verdict['status']]}"


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


def _limit(summary: ReportSummary, told: Sequence[Verdict], cpu_s: float) -> list[str]:
    """Name the limit that ended the program, where a test that may be told about met it."""
    if not summary["limit"] or not any(v["status"] in ENDED or v["error_type"] == "MemoryError" for v in told):
        return []
    used = f" after {cpu_s:g} CPU seconds" if summary["limit"] == "cpu" else ""
    return [f"The program was ended at its {summary['limit']} limit{used}."]
