"""Run child and parent on the tasks that the gate asks for."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context
from runtime.rollouts import Wanted, rollouts_of
from runtime.trials import gate_rule, judging_tasks, proposer_of, teaching_tasks
from state.optimization import Ending, OptimizationRef, PoolEntry, Spend, Tally, Trial


class RunChildReads(TypedDict):
    """What the node reads."""

    optimization: OptimizationRef
    pool: list[PoolEntry]
    tally: Tally
    trial: Trial
    spend: Spend
    ending: Ending


class RunChildWrites(TypedDict):
    """What the node writes."""

    trial: Trial
    spend: Spend
    ending: Ending


def run_child(state: RunChildReads, runtime: Runtime[Context]) -> RunChildWrites:
    """Bring both rollouts of every pair to an end; what the ledger has, such as the parent's, is not run again."""
    context, ref, trial = runtime.context, state["optimization"], state["trial"]
    rollouts, iteration = rollouts_of(ref, context), state["tally"]["iteration"]
    taught = teaching_tasks(iteration, proposer_of(trial["proposer"], context).examples, rollouts)
    judging = judging_tasks(iteration, taught, rollouts)
    want = trial["want"] or gate_rule(len(judging), context).first
    parent = state["pool"][trial["parent"]]["prompt_set"]
    wanted = [Wanted(prompt_set, entry) for entry in judging[:want] for prompt_set in (parent, trial["child"])]
    spend, short = rollouts.run(wanted, f"{iteration}:gate:{want}", "gate", state["spend"])
    ending: Ending = {**state["ending"], "reason": f"budget: {short}" if short else ""}
    return {"trial": {**trial, "want": want}, "spend": spend, "ending": ending}
