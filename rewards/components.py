"""Reward components: pure functions of an attempt's report and review, each in [0, 1].

An attempt that the sandbox could not judge has no reward at all; these functions are never asked about one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from state.review import Review
from state.task import Task
from state.verdict import ReportSummary, solved

PARTIAL_CREDIT = 0.5  # the most that an unsolved task is worth: passing most tests is not being right
NOISE_FLOOR_S = 0.25  # CPU seconds within which programs are not told apart: start-up noise decides below it
CALM_COMPLEXITY = 10  # McCabe's own limit
CALM_NESTING = 3
CALM_FUNCTION_LINES = 40


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a component judges."""

    task: Task
    report: ReportSummary
    review: Review
    reference_parameters: list[str]
    """Parameters of the entry point as the task's prompt or reference has them; [] when neither says."""


Component = Callable[[Evidence], float]


def correctness(evidence: Evidence) -> float:
    """1 when every test passed; otherwise half the share that did, so that no wrong program outranks a right one."""
    report = evidence.report
    if solved(report):
        return 1.0
    return PARTIAL_CREDIT * report["passed"] / report["total"] if report["total"] else 0.0


def efficiency(evidence: Evidence) -> float:
    """1 down to 0 as the CPU time of all tests grows past a noise floor; 0 for a program that is wrong.

    The score is the floor divided by the time, in steps of a tenth: equal programs get equal scores on
    a loaded machine too.
    """
    if not solved(evidence.report):
        return 0.0
    cpu_s = max(evidence.report["cpu_s"], NOISE_FLOOR_S)
    return round(NOISE_FLOOR_S / cpu_s, 1)


def readability(evidence: Evidence) -> float:
    """Mean of calm complexity, nesting and length, and the share of a clean review; 0 for no program."""
    metrics = evidence.review["metrics"]
    if not metrics["parses"] or metrics["lines"] == 0:
        return 0.0
    calm = [
        min(1.0, CALM_COMPLEXITY / metrics["complexity"]),
        min(1.0, CALM_NESTING / metrics["nesting"]) if metrics["nesting"] else 1.0,
        min(1.0, CALM_FUNCTION_LINES / metrics["longest_function"]) if metrics["longest_function"] else 1.0,
        1.0 / (1 + len(evidence.review["findings"])),
    ]
    return round(sum(calm) / len(calm), 4)


def adherence(evidence: Evidence) -> float:
    """Half for defining the function that was asked for, half for its parameters; 0 for no program.

    Where no function was asked for, every program that parses has done what it was told.
    """
    metrics = evidence.review["metrics"]
    if not evidence.task["entry_point"]:
        return 1.0 if metrics["parses"] and metrics["lines"] else 0.0
    if not metrics["defines_entry_point"]:
        return 0.0
    wanted = evidence.reference_parameters
    return 1.0 if not wanted or wanted == metrics["parameters"] else 0.5


def review(evidence: Evidence) -> float:
    """Return the reviewer's score; without a reviewer, 1 / (1 + static findings); 0 for no program."""
    metrics = evidence.review["metrics"]
    if not metrics["parses"] or metrics["lines"] == 0:
        return 0.0
    opinion = evidence.review.get("opinion")
    return opinion["score"] if opinion else round(1.0 / (1 + len(evidence.review["findings"])), 4)


COMPONENTS: dict[str, Component] = {
    "correctness": correctness,
    "efficiency": efficiency,
    "readability": readability,
    "adherence": adherence,
    "review": review,
}
