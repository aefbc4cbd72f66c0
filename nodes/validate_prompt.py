"""Measure an accepted child on every validation task and take it into the pool."""

from typing import TypedDict

from langgraph.runtime import Runtime

from optimization.gate import judge
from runtime.context import Context
from runtime.rollouts import Wanted, rollouts_of
from runtime.trials import (
    accepted,
    gate_rule,
    judging_tasks,
    made_in,
    note_iteration,
    pairs_of,
)
from state.optimization import Ending, OptimizationRef, PoolEntry, Spend, Tally, Trial


class ValidatePromptReads(TypedDict):
    """What the node reads."""

    optimization: OptimizationRef
    pool: list[PoolEntry]
    tally: Tally
    trial: Trial
    spend: Spend
    ending: Ending


class ValidatePromptWrites(TypedDict):
    """What the node writes."""

    pool: list[PoolEntry]
    tally: Tally
    spend: Spend
    ending: Ending


def validate_prompt(state: ValidatePromptReads, runtime: Runtime[Context]) -> ValidatePromptWrites:
    """Run the child on the validation tasks: they decide who is selected and who is promoted, never a train task."""
    context, ref, trial, tally = runtime.context, state["optimization"], state["trial"], state["tally"]
    rollouts, child = rollouts_of(ref, context), trial["child"]
    parent = state["pool"][trial["parent"]]["prompt_set"]
    wanted = [Wanted(child, entry) for entry in rollouts.entries("validation")]
    spend, short = rollouts.run(wanted, f"{tally['iteration']}:validation", "validation", state["spend"])
    if short:
        ending: Ending = {**state["ending"], "reason": f"budget: {short}"}
        note_iteration(ref, tally, trial, {"why": f"accepted, not validated: {short}"}, spend, context)
        return {"pool": state["pool"], "tally": tally, "spend": spend, "ending": ending}
    judging = judging_tasks(tally, trial, rollouts, context)
    verdict = judge(pairs_of(parent, child, judging[: trial["want"]], rollouts), gate_rule(len(judging), context))
    row = context.optimisations.proposal(ref["run_id"], made_in(tally, trial), trial["proposer"])
    record = {"why": row["why"] if row else "", "gate": verdict, "validation": rollouts.vector(child)}
    note_iteration(ref, tally, trial, record, spend, context)
    context.prompts.add_evidence(child, {"gate": verdict["reason"], "optimisation": ref["run_id"]})
    entry: PoolEntry = {
        "prompt_set": child,
        "parents": trial["parents"],
        "proposer": trial["proposer"],
        "iteration": tally["iteration"],
    }
    return {
        "pool": [*state["pool"], entry],
        "tally": accepted(tally),
        "spend": spend,
        "ending": state["ending"],
    }
