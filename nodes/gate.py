"""Decide on the child by the pairs so far: accept, reject, or ask for more."""

from typing import TypedDict

from langgraph.runtime import Runtime

from optimization.gate import judge
from runtime.context import Context
from runtime.rollouts import rollouts_of
from runtime.trials import gate_rule, judging_tasks, note_iteration, pairs_of, refused
from state.optimization import OptimizationRef, PoolEntry, Spend, Tally, Trial


class GateReads(TypedDict):
    """What the node reads."""

    optimization: OptimizationRef
    pool: list[PoolEntry]
    tally: Tally
    trial: Trial
    spend: Spend


class GateWrites(TypedDict):
    """What the node writes."""

    tally: Tally
    trial: Trial


def gate(state: GateReads, runtime: Runtime[Context]) -> GateWrites:
    """Say what the pairs have shown, and note a child that is not better."""
    context, ref, trial, tally = runtime.context, state["optimization"], state["trial"], state["tally"]
    rollouts = rollouts_of(ref, context)
    judging = judging_tasks(tally, trial, rollouts, context)
    parent = state["pool"][trial["parent"]]["prompt_set"]
    pairs = pairs_of(parent, trial["child"], judging[: trial["want"]], rollouts)
    verdict = judge(pairs, gate_rule(len(judging), context))
    if verdict["decision"] == "accept":
        return {"tally": tally, "trial": {**trial, "decision": "accept"}}
    trial = {**trial, "decision": "reject"}
    tally = refused(tally, trial, len(state["pool"]), context)
    note_iteration(ref, tally, trial, {"why": verdict["reason"], "gate": verdict}, state["spend"], context)
    return {"tally": tally, "trial": trial}
