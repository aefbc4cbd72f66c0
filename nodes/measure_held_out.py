"""Measure the held-out tasks: a point of the learning curve."""

from collections.abc import Sequence
from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import BatchResult, Context
from runtime.episodes import episode_specs, held_out_tasks, horizon_at, tasks_of
from state.episode import EpisodeSpec
from state.learning import Measurement, Plan, Progress, RunRef
from state.task import SPLITS, Split


class MeasureHeldOutReads(TypedDict):
    """What the node reads."""

    run: RunRef
    prompt_set: str
    progress: Progress


class MeasureHeldOutWrites(TypedDict):
    """What the node writes."""

    curve: list[Measurement]
    progress: Progress


def measure_held_out(state: MeasureHeldOutReads, runtime: Runtime[Context]) -> MeasureHeldOutWrites:
    """Run every held-out task with what has been learned so far; nothing is learned from it."""
    context, progress = runtime.context, state["progress"]
    batch = progress["batches"]
    horizon, snapshot = horizon_at(state["run"], batch, context)
    plan: Plan = {"batch": batch, "epoch": 0, "horizon": horizon, "memory_snapshot": snapshot}
    entries = held_out_tasks(tasks_of(state["run"], context))
    specs = episode_specs(state["run"], entries, plan, state["prompt_set"], context)
    result = context.run_episodes(specs, f"held_out:{batch:04d}")
    present = [split for split in SPLITS if any(entry["split"] == split for entry in entries)]
    curve = [_measurement(split, specs, result, progress) for split in present]
    for point in curve:
        detail = f"after {point['episodes']} episodes: {point['split']} {point['solved']} of {point['n']} solved"
        context.events({"kind": "measured", "detail": detail})
    return {"curve": curve, "progress": {**progress, "measured_at": batch}}


def _measurement(split: Split, specs: Sequence[EpisodeSpec], result: BatchResult, progress: Progress) -> Measurement:
    rows = [row for row in result["finished"] if row["split"] == split]
    unscored = set(result["unscored"])
    return {
        "batch": progress["batches"],
        "split": split,
        "episodes": progress["episodes"],
        "solved": sum(row["solved"] for row in rows),
        "solved_first": sum(row["solved_first"] for row in rows),
        "n": len(rows),
        "unscored": sum(spec["split"] == split and spec["episode_id"] in unscored for spec in specs),
        "reward": round(sum(row["reward"] for row in rows) / len(rows), 6) if rows else None,
    }
