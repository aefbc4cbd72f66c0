"""Which episodes a batch or a measurement consists of: a function of the run, the seed and the batch."""

import json
import math
import random
from collections import Counter
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


def learnable_tasks(run: RunRef, entries: Sequence[TaskEntry], batch: int, context: Context) -> list[TaskEntry]:
    """Return the train tasks of a batch drawn by learnability: 0 if never solved, else 1 - solved episodes per program.

    The rates are those of this run's earlier batches; equals are drawn by (seed, batch). The first epoch is drawn as
    usual, so that every task has been tried. Source: Absolute Zero Reasoner, 2025.
    """
    if batch < batches_per_epoch(entries, context.settings):
        return tasks_of_batch(entries, batch, context.settings)
    solved: Counter[str] = Counter()
    programs: Counter[str] = Counter()
    for phase, row in context.ledger.episodes_of(run["run_id"]):
        kind, _, number = phase.partition(":")
        if kind == "train" and int(number) < batch:
            solved[row["task"]] += row["solved"]
            programs[row["task"]] += row["attempts"]
    drawn = train_tasks(entries)
    random.Random(f"{context.settings.seed}:learnable:{batch}").shuffle(drawn)
    drawn.sort(key=lambda entry: -learnability(solved[entry["task"]], programs[entry["task"]]))
    return drawn[: context.settings.batch_size]


def learnability(solved: int, tries: int) -> float:
    """Return how much there is to learn from a task, in [0, 1]: 0 if it was never solved, else 1 - its pass rate."""
    return 1.0 - solved / tries if solved else 0.0


def horizon_at(run: RunRef, batch: int, context: Context) -> tuple[Horizon, str]:
    """Return which memories the episodes of a batch may see, and the id of that set ("" for none)."""
    horizon: Horizon = {"watermark": run["watermark"], "run_id": run["run_id"], "batch": batch}
    if "ancestors" in run:
        horizon["ancestors"] = run["ancestors"]
    return horizon, context.memory.snapshot(horizon) if context.settings.memories else ""


def episode_specs(
    run: RunRef, entries: Sequence[TaskEntry], plan: Plan, prompt_set: str, context: Context
) -> list[EpisodeSpec]:
    """Return one episode per task and repeat; the id of each is the digest of its key."""
    specs: list[EpisodeSpec] = []
    settings = context.settings
    for entry in entries:
        learns = entry["split"] == "train"
        # what a train episode remembers is seen by later batches of the run that ran it: it is that run's own, and
        # that of its forks
        asks = learns and "remember" in settings.ask  # then its result is a person's, too
        learner = run.get("learner", run["run_id"]) if asks or (learns and settings.memories) else ""
        for repeat in range(settings.repeats):
            spec = _spec(run, entry, repeat, plan, prompt_set, learns=learns, learner=learner, context=context)
            specs.append({**spec, "ask": True} if asks else spec)
    others = _asked_instead(entries, plan, settings)
    return [_asking(spec, others[spec["task"]]) for spec in specs] if others else specs


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


def _asking(spec: EpisodeSpec, task: str) -> EpisodeSpec:
    """Return an episode whose memory is asked about another task."""
    return {**spec, "recall": task, "episode_id": digest_of(f"{spec['episode_id']}:{task}")}


def _asked_instead(entries: Sequence[TaskEntry], plan: Plan, settings: Settings) -> dict[str, str]:
    """Return for each task the other one that the memory is asked about; {} unless memories are to be shuffled."""
    if not settings.shuffle_memories or not settings.memories:
        return {}
    tasks = sorted({entry["task"] for entry in entries})
    random.Random(f"{settings.seed}:recall:{plan['batch']}").shuffle(tasks)
    return dict(zip(tasks, [*tasks[1:], *tasks[:1]], strict=True))
