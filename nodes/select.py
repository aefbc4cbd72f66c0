"""Decide whether to go on and, if so, whom to improve and who proposes."""

from typing import NotRequired, TypedDict

from langgraph.runtime import Runtime

from optimization.budget import total_spent
from optimization.pareto import select_parent
from optimization.turns import is_stuck
from runtime.context import Context
from runtime.rollouts import Front, Rollouts, rollouts_of
from runtime.trials import names_of
from state.optimization import Ending, OptimizationRef, PoolEntry, Spend, Tally, Trial

STOP_FILE = "stop"  # in the optimisation's folder: end after the current iteration


class SelectReads(TypedDict):
    """What the node reads."""

    optimization: OptimizationRef
    pool: list[PoolEntry]
    tally: Tally
    spend: Spend
    trial: NotRequired[Trial]


class SelectWrites(TypedDict):
    """What the node writes."""

    tally: Tally
    trial: Trial
    ending: Ending


def select(state: SelectReads, runtime: Runtime[Context]) -> SelectWrites:
    """Draw a parent from the Pareto front of the validation tasks, or end: budget, no progress, target, stop file.

    A draft that is to be taught further keeps its parent and its proposer.
    """
    context, ref, pool = runtime.context, state["optimization"], state["pool"]
    rollouts = rollouts_of(ref, context)
    front = rollouts.front(pool)
    iteration = state["tally"]["iteration"] + 1
    names, components = names_of(context), context.settings.optimiser.components
    fresh: Trial = {
        "proposer": names[state["tally"]["at"] % len(names)],
        "parent": select_parent(front.weights, seed=ref["seed"], index=iteration),
        "component": components[iteration % len(components)],
        "evidence": "",
        "child": "",
        "parents": [],
        "want": 0,
        "decision": "",
    }
    before = state.get("trial")
    trial: Trial = {**before, "decision": ""} if before and before["decision"] == "draft" else fresh
    reason = _reason_to_end(state, max(front.means), rollouts, context)
    context.events({"kind": "standing", "detail": standing(iteration, front, state["spend"])})
    tally: Tally = {**state["tally"], "iteration": iteration if not reason else iteration - 1}
    return {"tally": tally, "trial": trial, "ending": {"reason": reason, "promoted": ""}}


def standing(iteration: int, front: Front, spend: Spend) -> str:
    """Say how far an optimisation has come."""
    spent = total_spent(spend)
    figures = [f"{spent['rollouts']:.0f} rollouts", f"{spent['tokens']:,.0f} tokens"]
    figures += [f"${spent['cost_usd']:.4f}"] if spent["cost_usd"] else []
    return (
        f"iteration {iteration}: {len(front.means)} candidates, {len(front.weights)} on the front, best "
        f"validation score {max(front.means):.3f}; spent {', '.join(figures)}"
    )


def _reason_to_end(state: SelectReads, best: float, rollouts: Rollouts, context: Context) -> str:
    """Return why it ends here; "" to go on."""
    o, tally = context.settings.optimiser, state["tally"]
    if (context.settings.home / "runs" / state["optimization"]["run_id"] / STOP_FILE).exists():
        return "the stop file is there"
    if o.target is not None and best >= o.target:
        return f"validation score {best:.3f} reaches the target {o.target:g}"
    if tally["iteration"] >= o.iterations:
        return f"{o.iterations} iterations are done"
    if is_stuck(tally, len(names_of(context))):
        return "no proposer improves anything any more"
    return _short(rollouts.shortage(state["spend"], 2 * min(o.gate_first, len(rollouts.entries("train")))))


def _short(shortage: str) -> str:
    return f"budget: {shortage}" if shortage else ""
