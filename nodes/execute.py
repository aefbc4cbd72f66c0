"""Run the latest attempt in the sandbox."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context
from sandbox.protocol import Job, Limits, Sandbox
from state.episode import Attempt, EpisodeSpec
from state.task import Task
from state.verdict import ExecutionReport, ReportSummary, Verdict, VerdictStatus, deciding
from storage.contents import canonical

# What differs from one execution of the same program to the next: kept in the state, not in the stored report.
MEASUREMENTS = frozenset({"cpu_s", "wall_s", "peak_memory_bytes"})
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


class ExecuteReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec
    attempts: list[Attempt]


class ExecuteWrites(TypedDict):
    """What the node writes."""

    attempts: list[Attempt]


def execute(state: ExecuteReads, runtime: Runtime[Context]) -> ExecuteWrites:
    """Run the latest attempt against all tests, visible and hidden, in one execution.

    Raises TransientError when the sandbox broke: that is never the program's fault.
    """
    context, attempt = runtime.context, state["attempts"][-1]
    task = context.tasks.get(state["episode"]["task"])
    if attempt["finish"] == "declined":
        return {"attempts": [{**attempt, "report": _not_run(task)}]}
    job = Job(
        program=context.contents.get(attempt["code"]),
        entry_point=task["entry_point"],
        tests=task["tests"],
        setup=task["setup"],
    )
    report = _run(context.sandbox, job, limits_for(task, context))
    stored = canonical({name: value for name, value in report.items() if name not in MEASUREMENTS})
    [address] = context.contents.put(ADDRESS.sub("0x…", stored))
    return {"attempts": [{**attempt, "report": _summary(report, address)}]}


def _run(sandbox: Sandbox, job: Job, limits: Limits) -> ExecutionReport:
    """Run all tests; the hidden ones once more by themselves where a visible one used up the limits before them.

    Otherwise a prompt's example that the real tests do not contain could decide a task.
    """
    report = sandbox.run(job, limits)
    hidden = [test for test in job.tests if not test["visible"]]
    statuses = {v["status"] for v in report["verdicts"] if not v["visible"]}
    if not report["limit"] or statuses != {"not_run"}:
        return report
    alone = sandbox.run(replace(job, tests=hidden), limits)
    visible = [v for v in report["verdicts"] if v["visible"]]
    return {
        **alone,
        "verdicts": [*visible, *alone["verdicts"]],
        "cpu_s": report["cpu_s"] + alone["cpu_s"],
        "wall_s": report["wall_s"] + alone["wall_s"],
        "limit": alone["limit"] or report["limit"],
    }


def limits_for(task: Task, context: Context) -> Limits:
    """Return the limits from the settings, with the task's own over them."""
    settings = context.settings.sandbox
    base = Limits(cpu_s=settings.cpu_s, wall_s=settings.wall_s, memory_mb=settings.memory_mb)
    return replace(base, **task["limits"])


def _summary(report: ExecutionReport, address: str) -> ReportSummary:
    visible = [v["status"] == "passed" for v in report["verdicts"] if v["visible"]]
    statuses = [v["status"] for v in deciding(report["verdicts"])]
    return {
        "passed": statuses.count("passed"),
        "total": len(statuses),
        "visible_passed": sum(visible),
        "visible_total": len(visible),
        "status": _decisive(statuses, report["verdicts"]),
        "limit": report["limit"],
        "cpu_s": float(report["cpu_s"]),
        "wall_s": float(report["wall_s"]),
        "report": address,
    }


def _not_run(task: Task) -> ReportSummary:
    visible = sum(test["visible"] for test in task["tests"])
    return {
        "passed": 0,
        "total": len(task["tests"]) - visible or visible,
        "visible_passed": 0,
        "visible_total": visible,
        "status": "not_run",
        "limit": "",
        "cpu_s": 0.0,
        "wall_s": 0.0,
        "report": "",
    }


def _decisive(statuses: Sequence[VerdictStatus], verdicts: Sequence[Verdict]) -> VerdictStatus:
    """Return why an attempt failed, or "passed"; "not_run" where there was nothing to decide it by."""
    bad = [status for status in statuses if status != "passed"]
    if not bad:
        return "passed" if statuses else "not_run"
    if bad[0] != "not_run":
        return bad[0]
    # where nothing that decides was reached, the reason is what happened before it
    return next((v["status"] for v in verdicts if v["status"] not in ("passed", "not_run")), "not_run")
