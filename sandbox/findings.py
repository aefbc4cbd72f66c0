"""What a locked-in judge says, checked like anything that comes from a stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sandbox.channel import Received
from sandbox.judge import Findings, JudgeTask
from sandbox.recorder import blank, settle
from sandbox.watch import LimitName

if TYPE_CHECKING:
    from state.verdict import Verdict

_STATUSES = frozenset(("passed", "failed", "error", "timeout", "killed", "not_run"))
_TEXTS: dict[Literal["name", "expected", "got", "error_type", "message"], int] = {
    "name": 100,
    "expected": 200,
    "got": 200,
    "error_type": 100,
    "message": 500,
}
_MAX_ROWS = 1000


def checked_findings(data: Received, task: JudgeTask, limit: LimitName) -> Findings:
    """Return findings with verdicts of the right shape for every test.

    Where the judge said nothing usable its first test is an error: it was the tests' code that failed.
    """
    try:
        groups = [
            [_verdict(row, test["visible"]) for row in rows[:_MAX_ROWS]]
            for rows, test in zip(data["verdicts"], task["tests"], strict=True)
        ]
        coverage = [int(line) for line in data["coverage"]] if task["coverage"] else None
        return {"verdicts": groups, "coverage": coverage, "broken_setup": str(data["broken_setup"])[:500]}
    except (TypeError, KeyError, ValueError, AttributeError):
        numbered = zip(task["numbers"], task["tests"], strict=True)
        groups = [[blank(f"test {number}", test["visible"])] for number, test in numbered]
        why = f"it reached its {limit} limit" if limit else "its process ended"
        settle(groups[0][0], "error", f"the test itself did not finish: {why}")
        return {"verdicts": groups, "coverage": None, "broken_setup": ""}


def _verdict(row: Received, visible: bool) -> Verdict:
    verdict = blank("", visible)
    for key, length in _TEXTS.items():
        verdict[key] = str(row[key])[:length]
    if row["status"] not in _STATUSES:
        raise ValueError(row["status"])
    verdict["status"] = row["status"]
    verdict["traceback"] = [str(line)[:400] for line in row["traceback"][:12]]
    return verdict
