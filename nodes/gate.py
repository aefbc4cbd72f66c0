"""Decide on the child by the pairs so far: accept, reject, or ask for more."""

from typing import TypedDict

from langgraph.runtime import Runtime

from optimization.gate import judge
from runtime.context import Context
from runtime.rollouts import rollouts_of
from runtime.trials import gate_rule, judging_tasks, note_iteration, pairs_of, proposer_of, refused, teaching_tasks
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
    """Compare child and parent on the same train tasks, none of which taught the child."""
    context, ref, trial, tally = runtime.context, state["optimization"], state["trial"], state["tally"]
    rollouts = rollouts_of(ref, context)
    taught = teaching_tasks(tally["iteration"], proposer_of(trial["proposer"], context).examples, rollouts)
    judging = judging_tasks(tally["iteration"], taught, rollouts)
    parent = state["pool"][trial["parent"]]["prompt_set"]
    pairs = pairs_of(parent, trial["child"], judging[: trial["want"]], rollouts)
    verdict = judge(pairs, gate_rule(len(judging), context))
    trial = {**trial, "decision": verdict["decision"], "want": verdict["want"]}
    if verdict["decision"] == "reject":
        tally = refused(tally, trial, parent, len(state["pool"]), context)
        note_iteration(ref, tally, trial, {"why": verdict["reason"], "gate": verdict}, state["spend"], context)
    return {"tally": tally, "trial": trial}
