"""Run the episodes of the planned batch."""

import json
from collections.abc import Sequence
from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context
from runtime.episodes import episode_specs, tasks_of, tasks_of_batch
from state.learning import Plan, Progress, RunRef, TaskEntry
from state.ledger import FinishedEpisode


class RunEpisodesReads(TypedDict):
    """What the node reads."""

    run: RunRef
    plan: Plan
    prompt_set: str
    progress: Progress


class RunEpisodesWrites(TypedDict):
    """What the node writes."""

    progress: Progress


def run_episodes(state: RunEpisodesReads, runtime: Runtime[Context]) -> RunEpisodesWrites:
    """Run every episode of the batch that the ledger does not have yet, and count the results.

    Raises StoppedError when the user stops the run, TransientError when no episode could get a result.
    """
    context, plan, progress = runtime.context, state["plan"], state["progress"]
    entries = _planned(state["run"], plan, context)
    specs = episode_specs(state["run"], entries, plan, state["prompt_set"], context)
    result = context.run_episodes(specs, f"train:{plan['batch']:04d}")
    _adopt(result["finished"], state["run"], plan, context)
    return {
        "progress": {
            **progress,
            "batches": plan["batch"] + 1,
            "episodes": progress["episodes"] + len(result["finished"]),
            "solved": progress["solved"] + sum(row["solved"] for row in result["finished"]),
            "unscored": progress["unscored"] + len(result["unscored"]),
        }
    }


def _adopt(rows: Sequence[FinishedEpisode], run: RunRef, plan: Plan, context: Context) -> None:
    """Make what the episodes remembered this run's own, too: a run and its forks share those that are the same."""
    remembered = [memory_id for row in rows for memory_id in row["outcome"]["remembered"]]
    context.memory.adopt(remembered, run["run_id"], plan["batch"])


def _planned(run: RunRef, plan: Plan, context: Context) -> list[TaskEntry]:
    if "tasks" in plan:
        entries: list[TaskEntry] = json.loads(context.contents.get(plan["tasks"]))
        return entries
    return tasks_of_batch(tasks_of(run, context), plan["batch"], context.settings)
