"""A learning run: settings and tasks in, a finished thread of the learning loop out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from batch.engines import open_engine
from batch.lease import Lease
from batch.restarts import outlasting
from batch.runner import BatchRunner
from batch.traces import start_exporter
from checkpoints.savers import CHECKPOINT_FILE, Saver, close_saver, open_saver
from checkpoints.threads import drive, thread_config
from graphs.episode import episode_graph
from graphs.learning_loop import first_state, learning_loop_graph
from graphs.prompt_optimization import prompt_optimization_graph
from graphs.version import graph_version
from runtime.build import Services
from runtime.context import SERVICES, Context
from runtime.settings import Settings
from state.episode import EpisodeSpec
from state.errors import SetupError
from state.json_values import JsonObject
from state.learning import LearningState, RunRef, TaskEntry
from state.ledger import Failure, RunRow
from state.task import Task
from storage.contents import canonical, digest_of
from storage.money import forget_calls
from telemetry.events import Event, Sink, ignore
from telemetry.langsmith import untraced

LOOP_STEPS = 100_000  # super-steps of one run: five per batch


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run is: the same settings and tasks give the same id, so the same command continues it."""

    run_id: str
    settings: JsonObject
    tasks: list[TaskEntry]
    task_file: str
    prompt_set: str
    """Id of the prompt set with which it begins."""
    forked_from: str = ""
    """Of a fork: the run that it branched from, and where."""


def plan_run(settings: Settings, tasks: Sequence[Task], task_file: str, services: Services) -> Run:
    """Choose the run's tasks and derive its id. Raises SetupError when the chosen splits hold no task."""
    chosen = [task for task in tasks if task["split"] in settings.splits][: settings.limit]
    if not chosen:
        raise SetupError(f"{task_file} has no task in the splits {', '.join(settings.splits)}")
    if settings.optimise_every and not any(task["split"] == "validation" for task in chosen):
        raise SetupError(f"{task_file} has no validation tasks: --optimise-every needs some to decide by")
    addresses = services.tasks.put(chosen)
    entries: list[TaskEntry] = [
        {"task_id": task["task_id"], "task": address, "split": task["split"]}
        for task, address in zip(chosen, addresses, strict=True)
    ]
    kept = kept_settings(services)
    versions = [graph_version(episode_graph()), graph_version(learning_loop_graph())]
    if settings.optimise_every:
        versions.append(graph_version(prompt_optimization_graph()))
    prompt_set = services.prompts.resolve(settings.prompts, time.time())
    key = {"settings": kept, "tasks": entries, "prompts": prompt_set, "graphs": versions}
    run_id = f"run-{digest_of(canonical(key))[:10]}"
    return Run(run_id=run_id, settings=kept, tasks=entries, task_file=task_file, prompt_set=prompt_set)


def kept_settings(services: Services) -> JsonObject:
    """Return what is kept of the settings of a run: all that its results depend on, as JSON values."""
    kept = services.settings.that_matter() | {"model": services.models.of("generate").model_id}
    if not services.settings.optimise_every:
        del kept["optimiser"]  # a run that optimises nothing is the same whatever these say
    return kept


def conditions_of(services: Services) -> str:
    """Return the digest of what an episode's result depends on besides the other parts of its key."""
    settings = services.settings
    reviewer = {"review": services.models.of("review").model_id} if "review" in settings.roles else {}
    return digest_of(
        canonical(
            {
                **reviewer,
                "attempts": settings.attempts,
                "memories": settings.memories,
                "recipes": settings.recipes,
                "prior": settings.prior.model_dump(),
                "shuffle_memories": settings.shuffle_memories,
                "skills": settings.skills,
                "sandbox": settings.sandbox.model_dump(),
                "seed": settings.seed,
                "rewards": services.rewards.version,
                "graph": graph_version(episode_graph()),
            }
        )
    )[:16]


def _both(first: Sink, second: Sink) -> Sink:
    def sink(event: Event) -> None:
        first(event)
        second(event)

    return sink


class LearningRun:
    """Drives one run. The same run started again continues where it stopped; a finished one is only read.

    A run that is done stays so: what it may still lack are results of episodes that failed, which are tried again.

    Raises SetupError when another process is working on the same run, or the home's checkpoints cannot be read.
    """

    def __init__(self, run: Run, services: Services, events: Sink = ignore) -> None:
        self.run = run
        self.folder: Path = services.settings.home / "runs" / run.run_id
        self._services = services
        self._lease = Lease(self.folder, services.home)
        try:
            self._saver: Saver = open_saver(services.home)
        except SetupError:
            self._lease.release()
            raise
        self._exporter = start_exporter(services, run.run_id, events)
        self._events = _both(events, self._exporter) if self._exporter else events
        self._context = self._context_with_runner()

    def stop(self) -> None:
        """Ask the run to end soon; safe to call from a signal handler."""
        self._runner.stop()
        self._services.models.stop()

    def is_finished(self) -> bool:
        """Tell whether there is nothing left to do: the run has ended and every episode has a result."""
        earlier = self._services.ledger.run(self.run.run_id)
        return bool(earlier and earlier["status"] == "done" and not self._services.ledger.failures_of(self.run.run_id))

    def drive(self) -> LearningState:
        """Run to the end and return the final state; an empty one when the run is done and its checkpoints were pruned.

        Raises StoppedError after stop(), TransientError when the model or the sandbox stays down.
        """
        ledger, clock, run_id = self._services.ledger, self._context.clock, self.run.run_id
        earlier = ledger.run(run_id)
        was_done = earlier is not None and earlier["status"] == "done"
        if self.is_finished():
            return self._drive_loop(may_start=False)  # reads the finished thread
        settings = self.run.settings | {"task_file": self.run.task_file, "n_tasks": len(self.run.tasks)}
        settings |= {"forked_from": self.run.forked_from} if self.run.forked_from else {}
        row: RunRow = {
            "run_id": run_id,
            "settings": settings,
            "status": "running",
            "started_at": clock(),
            "ended_at": None,
            "active_s": 0.0,
        }
        self._services.models.resume()
        forget_calls(self._services.home, run_id=run_id)  # of processes that died with an earlier start
        if not was_done:
            ledger.begin_run(row)
        status, began = "done" if was_done else "stopped", time.monotonic()
        try:
            state = outlasting(lambda: self._drive_loop(may_start=not was_done))
            outlasting(lambda: self._retry_failures(hopeless_too=was_done))
            status = "done"
        finally:
            outlasting(lambda: ledger.end_run(run_id, status, clock(), time.monotonic() - began))
        return state

    def close(self) -> None:
        """Wait for the workers, close the savers, let go of the run."""
        self._runner.close()
        self._services.models.flush()
        if self._exporter is not None:
            self._exporter.close()
        close_saver(self._saver)
        self._lease.release()

    def _context_with_runner(self) -> Context:
        services = self._services
        common: dict[str, Any] = {name: getattr(services, name) for name in SERVICES}
        episode_context = Context(**common, events=self._events)
        self._runner = BatchRunner(episode_context, open_engine(services, episode_context))
        return Context(**common, events=self._events, checkpointer=self._saver, run_episodes=self._runner.run)

    def _drive_loop(self, *, may_start: bool) -> LearningState:
        graph = learning_loop_graph()
        config = thread_config(self.run.run_id, graph_version(graph), LOOP_STEPS)
        with untraced(), self._services.home.naming_errors(CHECKPOINT_FILE):
            if not may_start and self._saver.get_tuple(config) is None:
                return {}  # pruned: what the run came to is in the ledger
            state = drive(graph.compile(checkpointer=self._saver), config, dict(self._first_state()), self._context)
        return cast("LearningState", state)

    def _first_state(self) -> LearningState:
        """Return the state in which the run begins; it counts only when the thread is new."""
        context = self._context
        [tasks] = context.contents.put(canonical(self.run.tasks))
        run: RunRef = {
            "run_id": self.run.run_id,
            "tasks": tasks,
            "watermark": context.memory.watermark() if context.settings.memory == "home" else 0,
            "model": str(self.run.settings["model"]),
            "conditions": conditions_of(self._services),
        }
        return first_state(run, self.run.prompt_set)

    def _retry_failures(self, *, hopeless_too: bool) -> None:
        """Try once more, at the end, the episodes that have no result: a finished run only lacks what still fails.

        hopeless_too: also those that would not succeed as they were: the user may have changed something since.
        """
        by_phase: dict[str, list[Failure]] = {}
        failures = self._services.ledger.failures_of(self.run.run_id)
        for failure in [f for f in failures if f["passing"] or hopeless_too]:
            by_phase.setdefault(failure["phase"], []).append(failure)
        for phase, some in by_phase.items():
            specs = [cast("EpisodeSpec", failure["spec"]) for failure in some]
            places = {failure["episode_id"]: failure["position"] for failure in some}
            self._runner.run(specs, phase, places)
