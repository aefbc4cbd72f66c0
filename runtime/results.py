"""The ledger row of an episode that has come to its end."""

from collections.abc import Sequence

from state.episode import Attempt, Effort, EpisodeState, final_attempt, usages_of
from state.ledger import FinishedEpisode, Outcome
from state.verdict import ReportSummary, solved


def finished_episode(state: EpisodeState, *, wall_s: float, finished_at: float) -> FinishedEpisode:
    """Turn an episode's final state into its row of the ledger.

    wall_s: how long it took, in seconds, as far as this process has seen it.
    """
    episode, attempts = state["episode"], state["attempts"]
    final = final_attempt(attempts)
    report = final["report"]
    assert report is not None, "an episode that has ended has executed its final attempt"
    usages = usages_of(state)
    return {
        "episode_id": episode["episode_id"],
        "prompt_set": episode["prompt_set"],
        "memory_snapshot": episode["memory_snapshot"],
        "split": episode["split"],
        "task_id": episode["task_id"],
        "task": episode["task"],
        "repeat": episode["repeat"],
        "model": episode["model"],
        "conditions": episode["conditions"],
        "solved_first": int(_solved(attempts[0])),
        "solved": int(_solved(final)),
        "attempts": len(attempts),
        "reward": state["reward"]["total"],
        "components": state["reward"]["components"],
        "outcome": _outcome(state, final, report),
        "prompt_tokens": sum(usage["prompt_tokens"] for usage in usages),
        "completion_tokens": sum(usage["completion_tokens"] for usage in usages),
        "cost_usd": total_cost([usage["cost_usd"] for usage in usages]),
        "model_s": sum(usage["model_s"] for usage in usages),
        "sandbox_s": sum(a["report"]["cpu_s"] for a in attempts if a["report"]),
        "wall_s": wall_s,
        "finished_at": finished_at,
    }


def total_cost(costs: Sequence[float | None]) -> float | None:
    """Return the sum of costs; None where one is unknown: the sum of the others would look like the whole."""
    known = [cost for cost in costs if cost is not None]
    return float(sum(known)) if len(known) == len(costs) else None


def _outcome(state: EpisodeState, final: Attempt, report: ReportSummary) -> Outcome:
    outcome: Outcome = {
        "status": report["status"],
        "passed": report["passed"],
        "total": report["total"],
        "limit": report["limit"],
        "declined": final["finish"] == "declined",
        "overfit": state["review"]["overfit"],
        "code": final["code"],
        "memories": [memory["memory_id"] for memory in state["memories"]],
        "remembered": state["remembered"],
        "report": report["report"],
    }
    efforts = [attempt["effort"] for attempt in state["attempts"] if "effort" in attempt]
    if len(efforts) == len(state["attempts"]):
        limit = max(effort["limit"] for effort in efforts) * state["episode"]["attempts"]
        outcome["effort"] = Effort(tried=sum(effort["tried"] for effort in efforts), limit=limit)
    return outcome


def _solved(attempt: Attempt) -> bool:
    return attempt["report"] is not None and solved(attempt["report"])
