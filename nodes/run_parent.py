"""Run the parent, or the draft that came of it, on the train tasks that may teach."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context
from runtime.rollouts import Wanted, rollouts_of
from runtime.trials import began_in, learner_of, proposer_of, teaching_tasks
from state.optimization import Ending, OptimizationRef, PoolEntry, Spend, Tally, Trial


class RunParentReads(TypedDict):
    """What the node reads."""

    optimization: OptimizationRef
    pool: list[PoolEntry]
    tally: Tally
    trial: Trial
    spend: Spend
    ending: Ending


class RunParentWrites(TypedDict):
    """What the node writes."""

    spend: Spend
    ending: Ending


def run_parent(state: RunParentReads, runtime: Runtime[Context]) -> RunParentWrites:
    """Bring the rollouts to an end that the proposer wants to see; what the ledger has is not run again."""
    context, ref, trial = runtime.context, state["optimization"], state["trial"]
    rollouts, iteration = rollouts_of(ref, context), state["tally"]["iteration"]
    wants = proposer_of(trial["proposer"], context).examples
    tasks = teaching_tasks(began_in(state["tally"], trial), wants, rollouts)
    learner = learner_of(trial, state["pool"])
    wanted = [Wanted(learner, entry) for entry in tasks]
    spend, short = rollouts.run(wanted, f"{iteration}:teach", "examples", state["spend"])
    return {"spend": spend, "ending": {**state["ending"], "reason": f"budget: {short}" if short else ""}}
