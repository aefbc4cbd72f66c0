"""Which episodes a batch or a measurement consists of: a function of the run, the seed and the batch."""

import json
import math
import random
from collections.abc import Sequence

from runtime.context import Context
from runtime.settings import Settings
from state.episode import EpisodeSpec
from state.learning import Plan, RunRef, TaskEntry
from state.memory_item import Horizon
from state.optimization import OptimizationRef
from storage.contents import canonical, digest_of


def tasks_of(run: RunRef, context: Context) -> list[TaskEntry]:
    """Return the tasks of a run, in the order of its file."""
    entries: list[TaskEntry] = json.loads(context.contents.get(run["tasks"]))
    return entries


def train_tasks(entries: Sequence[TaskEntry]) -> list[TaskEntry]:
    """Return the tasks that may be learned from."""
    return [entry for entry in entries if entry["split"] == "train"]


def held_out_tasks(entries: Sequence[TaskEntry]) -> list[TaskEntry]:
    """Return the tasks that are only measured."""
    return [entry for entry in entries if entry["split"] != "train"]


def batches_per_epoch(entries: Sequence[TaskEntry], settings: Settings) -> int:
    """Return how many batches one pass over the train tasks takes."""
    return math.ceil(len(train_tasks(entries)) / settings.batch_size)


def tasks_of_batch(entries: Sequence[TaskEntry], batch: int, settings: Settings) -> list[TaskEntry]:
    """Return the train tasks of a batch: each epoch has its own order, drawn from (seed, epoch)."""
    epoch, index = divmod(batch, batches_per_epoch(entries, settings))
    shuffled = train_tasks(entries)
    random.Random(f"{settings.seed}:epoch:{epoch}").shuffle(shuffled)
    return shuffled[index * settings.batch_size : (index + 1) * settings.batch_size]


def horizon_at(run: RunRef, batch: int, context: Context) -> tuple[Horizon, str]:
    """Return which memories the episodes of a batch may see, and the id of that set ("" for none)."""
    horizon: Horizon = {"watermark": run["watermark"], "run_id": run["run_id"], "batch": batch}
    return horizon, context.memory.snapshot(horizon) if context.settings.memories else ""


def episode_specs(
    run: RunRef, entries: Sequence[TaskEntry], plan: Plan, prompt_set: str, context: Context
) -> list[EpisodeSpec]:
    """Return one episode per task and repeat; the id of each is the digest of its key."""
    specs: list[EpisodeSpec] = []
    for entry in entries:
        learns = entry["split"] == "train"
        # what a train episode remembers is seen by later batches of the run that ran it: it is that run's own
        learner = run["run_id"] if learns and context.settings.memories else ""
        specs += [
            _spec(run, entry, repeat, plan, prompt_set, learns=learns, learner=learner, context=context)
            for repeat in range(context.settings.repeats)
        ]
    return specs


def rollout_spec(ref: OptimizationRef, entry: TaskEntry, repeat: int, prompt_set: str, context: Context) -> EpisodeSpec:
    """Return the episode that scores a candidate on a task: nothing is learned from it, on whatever split.

    On held-out tasks it is the episode by which a learning run measures them, where both see the same memories.
    """
    learner = "rollout" if entry["split"] == "train" else ""
    return _spec(ref, entry, repeat, ref, prompt_set, learns=False, learner=learner, context=context)


def _spec(  # noqa: PLR0913 - the parts of the key
    run: RunRef | OptimizationRef,
    entry: TaskEntry,
    repeat: int,
    plan: Plan | OptimizationRef,
    prompt_set: str,
    *,
    learns: bool,
    learner: str,
    context: Context,
) -> EpisodeSpec:
    key = {
        "prompt_set": prompt_set,
        "memory_snapshot": plan["memory_snapshot"],
        "split": entry["split"],
        "task": entry["task"],
        "repeat": repeat,
        "model": run["model"],
        "conditions": run["conditions"],
        "learner": learner,
    }
    return {
        "episode_id": digest_of(canonical(key)),
        "run_id": run["run_id"],
        "task_id": entry["task_id"],
        "task": entry["task"],
        "split": entry["split"],
        "repeat": repeat,
        "model": run["model"],
        "prompt_set": prompt_set,
        "memory_snapshot": plan["memory_snapshot"],
        "conditions": run["conditions"],
        "horizon": plan["horizon"],
        "attempts": context.settings.attempts,
        "learn": learns,
    }
