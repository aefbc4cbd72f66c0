"""Decide what the next batch is."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context
from runtime.episodes import batches_per_epoch, horizon_at, learnable_tasks, tasks_of
from state.learning import Plan, Progress, RunRef
from storage.contents import canonical


class PlanBatchReads(TypedDict):
    """What the node reads."""

    run: RunRef
    progress: Progress


class PlanBatchWrites(TypedDict):
    """What the node writes."""

    plan: Plan


def plan_batch(state: PlanBatchReads, runtime: Runtime[Context]) -> PlanBatchWrites:
    """Fix the next batch and what its episodes may remember.

    Its tasks follow from (seed, epoch, batch), unless they are drawn by learnability: then the plan names them.
    """
    context, run, batch = runtime.context, state["run"], state["progress"]["batches"]
    entries = tasks_of(run, context)
    horizon, snapshot = horizon_at(run, batch, context)
    epoch = batch // batches_per_epoch(entries, context.settings)
    plan: Plan = {"batch": batch, "epoch": epoch, "horizon": horizon, "memory_snapshot": snapshot}
    if context.settings.draw == "learnable":
        [plan["tasks"]] = context.contents.put(canonical(learnable_tasks(run, entries, batch, context)))
    return {"plan": plan}
