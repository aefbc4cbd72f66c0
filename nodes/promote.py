"""End a prompt optimisation: promote the best candidate if the validation tasks show that it is better."""

import math
from collections.abc import Callable, Sequence
from typing import NotRequired

from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict

from optimization.gate import GateRule, judge
from optimization.intervals import paired_difference
from optimization.pareto import best_candidate
from runtime.context import Context
from runtime.rollouts import Rollouts, Wanted, rollouts_of
from runtime.trials import pairs_of, tried_on_validation
from state.decision import Answer, Decision
from state.json_values import JsonObject
from state.ledger import FinishedEpisode
from state.optimization import Ending, GateVerdict, OptimizationRef, PoolEntry, Spend, Tally


class PromoteReads(TypedDict):
    """What the node reads."""

    optimization: OptimizationRef
    pool: list[PoolEntry]
    tally: Tally
    spend: Spend
    ending: Ending


class PromoteWrites(TypedDict):
    """What the node writes."""

    spend: Spend
    ending: Ending
    decision: NotRequired[Decision]


def promote(state: PromoteReads, runtime: Runtime[Context]) -> PromoteWrites:
    """Compare the best candidate with the first one on all validation tasks; without evidence nothing is promoted.

    The best of many looks better than it is, so the error rate is shared by all children that validation tasks were
    asked about (Bonferroni). Test tasks are measured once for what is promoted, after the decision. Where the run wants
    it, a person is asked first: until then this only reads, since it is begun again when the answer comes.
    """
    context, ref, pool = runtime.context, state["optimization"], state["pool"]
    rollouts = rollouts_of(ref, context)
    first = pool[0]["prompt_set"]
    best = pool[best_candidate([rollouts.vector(entry["prompt_set"]) for entry in pool])]["prompt_set"]
    verdict = (
        _verdict(first, best, tried_on_validation(ref, pool, context), rollouts, context) if best != first else None
    )
    promoted, decision = _decided(first, best, verdict, ref, runtime)
    spend, test = _on_test(first, promoted, ref, state["spend"], rollouts)
    record = {
        "reason": state["ending"]["reason"],
        "promoted": promoted,
        "best": best,
        "verdict": verdict,
        "test": test,
        "spend": spend,
        "decision": decision,
    }
    context.optimisations.note(ref["run_id"], state["tally"]["iteration"], "end", record)
    if verdict and promoted != first:
        summary = f"validation {verdict['mean_difference']:+.3f}, p {verdict['p']:.4f}, {ref['run_id']}"
        context.prompts.add_evidence(promoted, {"summary": summary, "validation": verdict, "test": test})
    writes: PromoteWrites = {"spend": spend, "ending": {**state["ending"], "promoted": promoted}}
    return {**writes, "decision": decision} if decision else writes


def _on_test(
    first: str, promoted: str, ref: OptimizationRef, spend: Spend, rollouts: Rollouts
) -> tuple[Spend, JsonObject]:
    """Measure what is promoted on the test tasks; return the spend with that and how it does next to the first one."""
    if promoted == first or not ref["measure_test"]:
        return spend, {}
    wanted = [Wanted(promoted, entry) for entry in rollouts.entries("test")]
    spend, short = rollouts.run(wanted, "end:test", "test", spend)
    return spend, {"short": short} if short else compared(first, promoted, rollouts)


def _decided(
    first: str, best: str, verdict: GateVerdict | None, ref: OptimizationRef, runtime: Runtime[Context]
) -> tuple[str, Decision | None]:
    """Return what is promoted, the first one without evidence for the best, and what a person decided, if asked."""
    if best == first or not verdict or verdict["decision"] != "accept":
        return first, None
    decision = _asked(best, verdict, ref, runtime) if ref.get("ask") else None
    return best if decision is None or decision["approved"] else first, decision


def _asked(promoted: str, verdict: GateVerdict, ref: OptimizationRef, runtime: Runtime[Context]) -> Decision:
    """Ask a person, or return what was answered; whoever drives the thread closes the question at its end."""
    context, info = runtime.context, runtime.execution_info
    thread_id = info.thread_id if info and info.thread_id else ref["run_id"]
    figures = f"validation {verdict['mean_difference']:+.3f} on {verdict['n']} tasks, p {verdict['p']:.4f}"
    context.questions.ask(
        {
            "thread_id": thread_id,
            "before": "promote",
            "run_id": ref["run_id"],
            "task_id": f"{promoted[:10]}: {figures}",
            "phase": "",
            "position": 0,
            "asked_at": context.clock(),
            "answer": "",
            "answered_at": None,
        }
    )
    answer: Answer = interrupt({"optimisation": ref["run_id"], "before": "promote", "prompt_set": promoted})
    return {"approved": answer["approved"], "edited": [], "answered_at": answer["answered_at"]}


def _verdict(first: str, best: str, candidates: int, rollouts: Rollouts, context: Context) -> GateVerdict:
    pairs = pairs_of(first, best, rollouts.entries("validation"), rollouts)
    alpha = context.settings.optimiser.promotion_alpha / candidates
    return judge(pairs, GateRule(alpha=alpha, futility=0.0, first=len(pairs), step=1, cap=len(pairs)))


def _rows_of_both(before: str, after: str, rollouts: Rollouts) -> list[tuple[FinishedEpisode, FinishedEpisode]]:
    tasks = rollouts.entries("test")
    rows = rollouts.rows([Wanted(one, entry) for entry in tasks for one in (before, after)])
    keys = [(Wanted(before, entry).key, Wanted(after, entry).key) for entry in tasks]
    return [(rows[old], rows[new]) for old, new in keys if old in rows and new in rows]


def compared(before: str, after: str, rollouts: Rollouts) -> JsonObject:
    """Return how two prompt sets do on the test tasks that both have a result for, with paired 95 % intervals."""
    pairs = _rows_of_both(before, after, rollouts)
    solved = [sum(old["solved"] for old, _ in pairs), sum(new["solved"] for _, new in pairs)]
    intervals = {name: _interval([(measure(old), measure(new)) for old, new in pairs]) for name, measure in MEASURES}
    # a measure that some row does not have is left out: over the others alone it would not be paired with the rest
    known = {name: interval for name, interval in intervals.items() if interval}
    return {"n": len(pairs), "solved": solved, **known}


def _halvings(row: FinishedEpisode) -> float | None:
    """Return minus the logarithm, to base 2, of the search effort; an unsolved task counts twice its limit."""
    effort = row["outcome"].get("effort")
    if effort is None:
        return None
    return -math.log2(effort["tried"] if row["solved"] else 2 * effort["limit"])


MEASURES: tuple[tuple[str, Callable[[FinishedEpisode], float | None]], ...] = (
    ("solve_rate", lambda row: row["solved"]),
    ("reward", lambda row: row["reward"]),
    ("halvings", _halvings),
)


def _interval(pairs: Sequence[tuple[float | None, float | None]]) -> dict[str, float | None] | None:
    """Return the mean difference with its interval; None where a row does not say what is measured."""
    told = [(before, after) for before, after in pairs if before is not None and after is not None]
    if len(told) < len(pairs):
        return None
    found = paired_difference([before for before, _ in told], [after for _, after in told])
    low, high = (bound if math.isfinite(bound) else None for bound in (found.low, found.high))
    return {"mean": found.mean, "low": low, "high": high}
