"""Decide the run's next step."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context
from runtime.episodes import batches_per_epoch, held_out_tasks, tasks_of
from runtime.settings import Settings
from state.learning import Progress, RunRef, Step


class SuperviseReads(TypedDict):
    """What the node reads."""

    run: RunRef
    progress: Progress


class SuperviseWrites(TypedDict):
    """What the node writes."""

    step: Step


def supervise(state: SuperviseReads, runtime: Runtime[Context]) -> SuperviseWrites:
    """Choose what is due: measuring, prompt optimisation, memory care, the next batch, or the end."""
    settings, entries = runtime.context.settings, tasks_of(state["run"], runtime.context)
    total = batches_per_epoch(entries, settings) * settings.epochs
    return {"step": next_step(state["progress"], settings, total, has_held_out=bool(held_out_tasks(entries)))}


def next_step(progress: Progress, settings: Settings, total_batches: int, *, has_held_out: bool) -> Step:
    """Return the first step that is due, in this order: optimise, tend, measure, the next batch, the end."""
    done, episodes = progress["batches"], progress["episodes"]
    if _due(episodes, progress["optimised_at"], settings.optimise_every):
        return "optimise_prompts"
    if settings.memories and _due(episodes, progress["tended_at"], settings.tend_every):
        return "tend_memory"
    every = settings.measure_every
    is_point = done == total_batches or (every > 0 and done % every == 0)
    if has_held_out and is_point and progress["measured_at"] < done:
        return "measure_held_out"
    return "plan_batch" if done < total_batches else "end"


def _due(episodes: int, last: int, every: int) -> bool:
    return every > 0 and episodes // every > last // every
