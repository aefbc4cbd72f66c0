"""Where an episode and a run go next: pure functions of the state."""

from typing import Literal

from state.episode import EpisodeState
from state.learning import LearningState, Step
from state.optimization import OptimizationState
from state.proposal import ProposalState
from state.verdict import solved


def after_execute(state: EpisodeState) -> Literal["reflect", "review"]:
    """Repair while attempts are left and the failure can be told without giving a held-out test away.

    While learning any failure counts, on held-out tasks only that of a visible example: an agent in use has no
    hidden tests to be told about.
    """
    episode, attempt = state["episode"], state["attempts"][-1]
    report = attempt["report"]
    if report is None or attempt["finish"] == "declined" or len(state["attempts"]) >= episode["attempts"]:
        return "review"
    if episode["learn"]:
        return "review" if solved(report) else "reflect"
    return "review" if report["visible_passed"] == report["visible_total"] else "reflect"


def after_reward(state: EpisodeState) -> Literal["ask", "remember"]:
    """Ask a person where the run wants it, and there is something to remember."""
    return "ask" if state["episode"].get("ask") else "remember"


def after_supervise(state: LearningState) -> Step:
    """Follow the supervisor's decision."""
    return state["step"]


def after_admit(state: ProposalState) -> Literal["propose", "end"]:
    """Go on until there are enough tasks, or as many proposals as may be made."""
    series, progress = state["series"], state["progress"]
    return "end" if progress["admitted"] >= series["count"] or progress["proposed"] >= series["most"] else "propose"


def after_select(state: OptimizationState) -> Literal["run_parent", "promote"]:
    """Begin the iteration, or end."""
    return "promote" if state["ending"]["reason"] else "run_parent"


def after_parent(state: OptimizationState) -> Literal["diagnose", "promote"]:
    """Go on unless the budget is spent."""
    return "promote" if state["ending"]["reason"] else "diagnose"


def after_proposal(state: OptimizationState) -> Literal["run_child", "select", "promote"]:
    """Try the child; begin the next iteration where there is none."""
    if state["ending"]["reason"]:
        return "promote"
    return "run_child" if state["trial"]["child"] else "select"


def after_child(state: OptimizationState) -> Literal["gate", "promote"]:
    """Go on unless the budget is spent."""
    return "promote" if state["ending"]["reason"] else "gate"


def after_gate(state: OptimizationState) -> Literal["validate_prompt", "select"]:
    """Measure what was accepted; begin the next iteration after what was not."""
    return "validate_prompt" if state["trial"]["decision"] == "accept" else "select"


def after_validation(state: OptimizationState) -> Literal["select", "promote"]:
    """Go on unless the budget is spent."""
    return "promote" if state["ending"]["reason"] else "select"
