"""A prompt optimisation by itself: settings and tasks in, a finished thread of its graph out."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from langgraph.checkpoint.base import CheckpointTuple

from batch.engines import open_engine
from batch.lease import Lease
from batch.loop import conditions_of
from batch.restarts import outlasting
from batch.runner import BatchRunner
from checkpoints.history import history, values_of, waiting_nodes
from checkpoints.lineage import ForkRow, Lineage, branch
from checkpoints.savers import CHECKPOINT_FILE, Saver, close_saver, open_saver
from checkpoints.threads import drive, thread_config
from graphs.episode import episode_graph
from graphs.prompt_optimization import prompt_optimization_graph
from graphs.version import graph_version
from runtime.build import Services
from runtime.context import SERVICES, Context
from runtime.rollouts import Rollouts, Wanted
from state.errors import SetupError
from state.json_values import JsonObject
from state.learning import TaskEntry
from state.ledger import RunRow
from state.memory_item import Horizon
from state.optimization import Ending, OptimizationRef, OptimizationState
from state.task import SPLITS, Split, Task
from storage.contents import ContentStore, canonical, digest_of
from storage.money import forget_calls
from telemetry.events import Sink, ignore

STEPS = 1_000_000  # super-steps of one optimisation: at least six per iteration


@dataclass(frozen=True, kw_only=True)
class OptimisationPlan:
    """What an optimisation is: the same settings and tasks give the same id, so the same command continues it."""

    ref: OptimizationRef
    settings: JsonObject
    task_file: str
    counts: dict[Split, int]
    """Number of tasks by split."""

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.ref["run_id"]


def plan_optimisation(
    services: Services, tasks: Sequence[Task], task_file: str, *, fork_of: str = "", measure_test: bool = True
) -> OptimisationPlan:
    """Derive the optimisation's id; raises SetupError when there are no train or validation tasks.

    fork_of: origin and iteration, where it is a fork: another run than the origin with the same settings.
    """
    settings = services.settings
    chosen = [task for task in tasks if task["split"] in settings.splits][: settings.limit]
    counts = {split: sum(task["split"] == split for task in chosen) for split in SPLITS}
    for split in ("train", "validation"):
        if not counts[split]:
            raise SetupError(f"{task_file} has no {split} tasks: train tasks teach prompts, validation tasks decide")
    addresses = services.tasks.put(chosen)
    entries: list[TaskEntry] = [
        {"task_id": task["task_id"], "task": address, "split": task["split"]}
        for task, address in zip(chosen, addresses, strict=True)
    ]
    prompt_set = services.prompts.resolve(settings.prompts, time.time())
    kept = settings.that_matter() | {"model": services.models.of("generate").model_id}
    versions = [graph_version(episode_graph()), graph_version(prompt_optimization_graph())]
    key = {"settings": kept, "tasks": entries, "prompts": prompt_set, "graphs": versions, "test": measure_test}
    key |= {"fork": fork_of} if fork_of else {}
    [address] = services.contents.put(canonical(entries))
    nothing: Horizon = {"watermark": 0, "run_id": "", "batch": 0}
    ref: OptimizationRef = {
        "run_id": f"opt-{digest_of(canonical(key))[:10]}",
        "tasks": address,
        "prompt_set": prompt_set,
        "model": kept["model"],
        "conditions": conditions_of(services),
        "horizon": nothing,
        "memory_snapshot": "",
        "seed": settings.seed,
        "measure_test": measure_test and bool(counts["test"]),
    }
    if "promote" in settings.ask:
        ref["ask"] = True
    return OptimisationPlan(ref=ref, settings=kept, task_file=task_file, counts=counts)


def plan_of(row: RunRow, ref: OptimizationRef, contents: ContentStore) -> OptimisationPlan:
    """Return the plan of an optimisation that has begun, from its row and its state."""
    kept = {name: value for name, value in row["settings"].items() if name not in ("task_file", "n_tasks")}
    entries: list[TaskEntry] = json.loads(contents.get(ref["tasks"]))
    counts = {split: sum(entry["split"] == split for entry in entries) for split in SPLITS}
    return OptimisationPlan(ref=ref, settings=kept, task_file=row["settings"]["task_file"], counts=counts)


class OptimisationRun:
    """Drives one optimisation. Started again it continues where it stopped; a finished one is only read.

    Raises SetupError when another process is working on it, or the home's checkpoints cannot be read.
    """

    def __init__(self, plan: OptimisationPlan, services: Services, events: Sink = ignore) -> None:
        self.plan = plan
        self.folder: Path = services.settings.home / "runs" / plan.run_id
        self._services = services
        self.home = services.home
        self._lease = Lease(self.folder, services.home)
        try:
            self.saver: Saver = open_saver(services.home)
        except SetupError:
            self._lease.release()
            raise
        common: dict[str, Any] = {name: getattr(services, name) for name in SERVICES}
        episodes = Context(**common, events=events)
        self._runner = BatchRunner(episodes, open_engine(services, episodes))
        self.context = Context(**common, events=events, checkpointer=self.saver, run_episodes=self._runner.run)

    def stop(self) -> None:
        """Ask it to end soon; safe to call from a signal handler."""
        self._runner.stop()
        self._services.models.stop()

    def is_finished(self) -> bool:
        """Tell whether there is nothing left to do."""
        earlier = self._services.ledger.run(self.plan.run_id)
        return bool(earlier and earlier["status"] == "done")

    def drive(self) -> OptimizationState:
        """Run to the end and return the final state; what was promoted is in use from here on.

        Of a finished one whose checkpoints were pruned only its ending and its spend are known; it is not begun anew.
        Raises StoppedError after stop(), TransientError when the model or the sandbox stays down, WaitingError while a
        person has not said whether something may be promoted.
        """
        if self.is_finished():
            return self._finished()
        ledger, now, run_id = self._services.ledger, self.context.clock, self.plan.run_id
        self._services.models.resume()
        forget_calls(self._services.home, run_id=run_id)  # of processes that died with an earlier start
        ledger.begin_run(self._row())
        status, began = "stopped", time.monotonic()
        try:
            state = outlasting(self._drive)
            promoted = state["ending"]["promoted"]
            if promoted != self.plan.ref["prompt_set"]:
                self._services.prompts.choose_once(promoted, author=run_id, now=now())
            status = "done"
        finally:
            outlasting(lambda: ledger.end_run(run_id, status, now(), time.monotonic() - began))
        return state

    def close(self) -> None:
        """Wait for the workers, close the savers, let go of the run."""
        self._runner.close()
        close_saver(self.saver)
        self._lease.release()

    def _row(self) -> RunRow:
        settings = self.plan.settings | {"task_file": self.plan.task_file, "n_tasks": sum(self.plan.counts.values())}
        return {
            "run_id": self.plan.run_id,
            "settings": settings,
            "status": "running",
            "started_at": self.context.clock(),
            "ended_at": None,
            "active_s": 0.0,
        }

    def _finished(self) -> OptimizationState:
        config = thread_config(self.plan.run_id, "")
        with self._services.home.naming_errors(CHECKPOINT_FILE):
            pruned = self.saver.get_tuple(config) is None
        if not pruned:
            return self._drive()  # reads the finished thread
        steps = self._services.optimisations.steps(self.plan.run_id)
        end = next(record for _, kind, record in steps if kind == "end")
        ending: Ending = {"reason": end["reason"], "promoted": end["promoted"]}
        return {"optimization": self.plan.ref, "spend": end["spend"], "ending": ending}

    def _drive(self) -> OptimizationState:
        graph = prompt_optimization_graph()
        config = thread_config(self.plan.run_id, graph_version(graph), STEPS)
        with self._services.home.naming_errors(CHECKPOINT_FILE):
            compiled, start = graph.compile(checkpointer=self.saver), {"optimization": self.plan.ref}
            answer_to = self._services.questions.answer_to
            state = drive(compiled, config, start, self.context, answer_to=answer_to)
        if self.plan.ref.get("ask"):
            self._services.questions.close(self.plan.run_id)
        return cast("OptimizationState", state)


def fork(run: OptimisationRun, origin: str, iteration: int) -> None:
    """Begin this optimisation where another one was after an iteration: with its pool, its counters and its spend.

    The origin stays as it is; a fork that has begun already, too. Raises SetupError when the origin has no such
    iteration, or began with another prompt set, other tasks or another model.
    """
    lineage, fork_id, mine = Lineage(run.home), run.plan.run_id, run.plan.ref
    if lineage.fork(fork_id) is not None:
        return
    points = history(run.saver, origin)
    point = _point_after(points, origin, iteration)
    theirs = cast("OptimizationState", values_of(point))["optimization"]
    for name in ("prompt_set", "tasks", "model", "conditions", "memory_snapshot"):
        if theirs[name] != mine[name]:
            raise SetupError(
                f"{origin} has another {name.replace('_', ' ')}: fork it with the tasks and settings it had"
            )
    run.context.optimisations.copy(origin, fork_id, iteration)
    branch(run.saver, points, point, fork_id, {"optimization": mine})
    row: ForkRow = {
        "fork_id": fork_id,
        "parent": origin,
        "checkpoint_id": point.checkpoint["id"],
        "node": "select",
        "changes": {"iteration": iteration},
        "teaches": 0,
        "created_at": run.context.clock(),
    }
    lineage.add(row)  # last: without it the copying is begun again


def _point_after(points: Sequence[CheckpointTuple], origin: str, iteration: int) -> CheckpointTuple:
    """Return the checkpoint at which the next iteration was about to be selected."""
    for point in points[::-1]:
        if waiting_nodes(point) == ["select"] and values_of(point)["tally"]["iteration"] == iteration:
            return point
    raise SetupError(f"{origin} has no iteration {iteration} in this home; `ratchet show {origin}` lists them")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What an optimisation would take, before anything is spent."""

    baseline: int
    """Rollouts for measuring the first candidate; those in the ledger are not counted."""
    least: int
    """Rollouts of an iteration whose child is dropped at the first look."""
    most: int
    """Rollouts of an iteration whose child is accepted at the last."""
    iterations: int
    """At most."""
    tokens_per_rollout: float | None
    """Mean of what the ledger has of this model; None before its first episode."""
    seconds_per_rollout: float | None
    """Likewise, of one rollout by itself."""


def estimate(plan: OptimisationPlan, services: Services) -> Estimate:
    """Say what it would take; nothing is run."""
    o, counts = services.settings.optimiser, plan.counts
    rollouts = Rollouts(plan.ref, Context(**{name: getattr(services, name) for name in SERVICES}))
    splits: list[Split] = ["validation", "test"] if plan.ref["measure_test"] else ["validation"]
    first = [Wanted(plan.ref["prompt_set"], entry) for split in splits for entry in rollouts.entries(split)]
    judging = max(1, counts["train"] // 4)
    known = list(rollouts.rows(first).values())
    tokens = [row["prompt_tokens"] + row["completion_tokens"] for row in known]
    return Estimate(
        baseline=len(first) - len(known),
        least=2 * min(o.gate_first, judging),
        most=counts["train"] + 2 * min(o.gate_cap, counts["train"]) + counts["validation"],
        iterations=o.iterations,
        tokens_per_rollout=fmean(tokens) if tokens else None,
        seconds_per_rollout=fmean(row["wall_s"] for row in known) if known else None,
    )
