"""Review the final attempt: static findings, and whether it fits the examples only."""

from typing import TypedDict

from langgraph.runtime import Runtime

from rewards.static import findings_in, measure
from runtime.context import Context
from state.episode import Attempt, EpisodeSpec, final_attempt
from state.review import Review
from state.verdict import solved


class ReviewReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec
    attempts: list[Attempt]


class ReviewWrites(TypedDict):
    """What the node writes."""

    review: Review


def review(state: ReviewReads, runtime: Runtime[Context]) -> ReviewWrites:
    """Measure the final program without running it, and compare its visible with its hidden results."""
    attempt = final_attempt(state["attempts"])
    report = attempt["report"]
    assert report is not None, "execute comes before review"
    entry_point = runtime.context.tasks.get(state["episode"]["task"])["entry_point"]
    code = runtime.context.contents.get(attempt["code"]) if attempt["code"] else ""
    fits_examples = report["visible_total"] > 0 and report["visible_passed"] == report["visible_total"]
    return {
        "review": {
            "metrics": measure(code, entry_point),
            "findings": findings_in(code, entry_point) if code else [],
            "overfit": fits_examples and not solved(report),
        }
    }
