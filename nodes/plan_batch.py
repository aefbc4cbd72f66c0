"""Decide what the next batch is."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context
from runtime.episodes import batches_per_epoch, horizon_at, tasks_of
from state.learning import Plan, Progress, RunRef


class PlanBatchReads(TypedDict):
    """What the node reads."""

    run: RunRef
    progress: Progress


class PlanBatchWrites(TypedDict):
    """What the node writes."""

    plan: Plan


def plan_batch(state: PlanBatchReads, runtime: Runtime[Context]) -> PlanBatchWrites:
    """Fix the next batch and what its episodes may remember; its tasks follow from (seed, epoch, batch)."""
    batch = state["progress"]["batches"]
    entries = tasks_of(state["run"], runtime.context)
    horizon, snapshot = horizon_at(state["run"], batch, runtime.context)
    epoch = batch // batches_per_epoch(entries, runtime.context.settings)
    return {"plan": {"batch": batch, "epoch": epoch, "horizon": horizon, "memory_snapshot": snapshot}}
