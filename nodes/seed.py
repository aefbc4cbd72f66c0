"""Begin a prompt optimisation: measure the prompt set with which it begins."""

from typing import TypedDict

from langgraph.runtime import Runtime

from optimization.turns import fresh_tally
from proposers.registry import make_proposer
from runtime.context import Context
from runtime.rollouts import Rollouts, Wanted, rollouts_of
from runtime.trials import names_of
from state.errors import SetupError
from state.optimization import Ending, OptimizationRef, PoolEntry, Spend, Tally


class SeedReads(TypedDict):
    """What the node reads."""

    optimization: OptimizationRef


class SeedWrites(TypedDict):
    """What the node writes."""

    pool: list[PoolEntry]
    tally: Tally
    spend: Spend
    ending: Ending


def seed(state: SeedReads, runtime: Runtime[Context]) -> SeedWrites:
    """Measure the first candidate on every validation task and, where asked for, the untouched test tasks.

    Raises SetupError for an unknown prompt set or proposer, no train or validation tasks, or a budget that does not
    even pay for this.
    """
    context, ref = runtime.context, state["optimization"]
    prompt_set = context.prompts.get(ref["prompt_set"])["prompt_set"]
    for name in names_of(context):
        make_proposer(name, context.settings.optimiser.examples)
    rollouts = rollouts_of(ref, context)
    for split in ("train", "validation"):
        if not rollouts.entries(split):
            raise SetupError(f"prompts are optimised with train and validation tasks, and there are no {split} tasks")
    spend = _measured(prompt_set, rollouts, measure_test=ref["measure_test"])
    vector = rollouts.vector(prompt_set)
    if not vector:
        raise SetupError("no validation task has a result: see the log, then run the same command again")
    record = {"prompt_set": prompt_set, "validation": vector, "proposers": names_of(context), "spend": spend}
    context.optimisations.note(ref["run_id"], 0, "begin", record)
    entry: PoolEntry = {"prompt_set": prompt_set, "parents": [], "proposer": "seed", "iteration": 0}
    return {"pool": [entry], "tally": fresh_tally(), "spend": spend, "ending": {"reason": "", "promoted": ""}}


def _measured(prompt_set: str, rollouts: Rollouts, *, measure_test: bool) -> Spend:
    validation = [Wanted(prompt_set, entry) for entry in rollouts.entries("validation")]
    spend, short = rollouts.run(validation, "begin:validation", "validation", {})
    if measure_test and not short:
        test = [Wanted(prompt_set, entry) for entry in rollouts.entries("test")]
        spend, short = rollouts.run(test, "begin:test", "test", spend)
    if short:
        raise SetupError(f"the budget does not pay for measuring the first candidate: {short}")
    return spend
