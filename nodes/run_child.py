"""Run child and parent on the same tasks until the gate can decide."""

from typing import TypedDict

from langgraph.runtime import Runtime

from optimization.gate import judge
from runtime.context import Context
from runtime.rollouts import Wanted, rollouts_of
from runtime.trials import gate_rule, judging_tasks, pairs_of
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
    """Bring both rollouts of every pair to an end, and of more pairs while the evidence is undecided.

    The tasks are train tasks, none of which taught the child. What the ledger has, such as the parent's rollouts, or
    those of before a restart, is not run again.
    """
    context, ref, trial = runtime.context, state["optimization"], state["trial"]
    rollouts, tally = rollouts_of(ref, context), state["tally"]
    iteration = tally["iteration"]
    judging = judging_tasks(tally, trial, rollouts, context)
    rule = gate_rule(len(judging), context)
    parent, spend, want = state["pool"][trial["parent"]]["prompt_set"], state["spend"], rule.first
    while True:
        wanted = [Wanted(prompt_set, entry) for entry in judging[:want] for prompt_set in (parent, trial["child"])]
        spend, short = rollouts.run(wanted, f"{iteration}:gate:{want}", "gate", spend)
        verdict = judge(pairs_of(parent, trial["child"], judging[:want], rollouts), rule)
        if short or verdict["decision"] != "grow":
            break
        want = verdict["want"]
    ending: Ending = {**state["ending"], "reason": f"budget: {short}" if short else ""}
    return {"trial": {**trial, "want": want}, "spend": spend, "ending": ending}
