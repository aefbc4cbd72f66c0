"""`fork_run`: branch a learning run after a batch, with another model, prompt set, memory, setting or state.

The fork is a run of its own that goes on from there. It uses what its original did before that batch and adds nothing
to it: what the fork remembers is seen by the fork alone. Episodes that are the same in both are executed once.
"""

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import cast

from langgraph.checkpoint.base import CheckpointTuple

from batch.loop import LearningRun, Run, conditions_of, kept_settings
from batch.summary import summarise
from checkpoints.history import history, values_of, waiting_nodes
from checkpoints.lineage import ForkRow, Lineage, branch
from graphs.learning_loop import learning_loop_graph
from graphs.version import graph_version
from runtime.build import open_services
from runtime.settings import INDEPENDENT, Settings
from state.errors import SetupError
from state.json_values import JsonMapping, JsonObject
from state.learning import LearningState, RunRef
from state.ledger import RunRow
from state.memory_item import Ancestor, Horizon
from storage.contents import canonical, digest_of
from telemetry.events import Sink, ignore
from workbench.bench import Workbench
from workbench.edits import edited
from workbench.fork import Changes, changed_prompts, horizon_before, horizon_of, settings_with
from workbench.runs import RunReport

# What the batches that are done were made by, and what has an option of its own.
FIXED = frozenset({"batch_size", "limit", "splits", "memory", "model", "base_url"}) | INDEPENDENT


class RunFork:
    """A fork of a learning run, planned: what it is, and the services that it needs. Use it in a with statement.

    at_batch: how many train batches it takes over. Keys of `changes.state` are settings, such as seed or attempts, or
    places in the state of the loop. The same plan again is the same fork.
    Raises SetupError when there is no such run or batch, and for what cannot be changed.
    """

    def __init__(self, bench: Workbench, name: str, changes: Changes, *, at_batch: int | None) -> None:
        original = bench.run_of(name)
        if original is None:
            raise SetupError(f"no run {name!r} in {bench.folder}; `ratchet runs` lists them")
        self._bench = bench
        self._changes = changes
        self._parent = original["run_id"]
        self._point = _point_after(bench, self._parent, at_batch)
        self._state = cast("LearningState", values_of(self._point))
        self.services = open_services(_settings(bench, original, changes))
        with ExitStack() as undo:
            undo.callback(self.services.close)
            self.run = self._planned(original)
            undo.pop_all()

    def __enter__(self) -> "RunFork":
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the services."""
        self.services.close()

    @property
    def parent(self) -> str:
        """The run that it is forked from."""
        return self._parent

    def begin(self) -> None:
        """Copy the original's state, once: for who holds the lease of the fork, before it is driven."""
        fork_id, batch, lineage = self.run.run_id, self._state["progress"]["batches"], Lineage(self._bench.home)
        if lineage.fork(fork_id) is not None:
            return
        values = {**self._edits(), "run": self._ref(), "prompt_set": self.run.prompt_set}
        # once more: with the changes it may come to something else, and without any the ledger has it
        values["progress"] = {**values.get("progress", self._state["progress"]), "measured_at": -1}
        branch(self._bench.saver, [self._point], self._point, fork_id, values)
        self.services.ledger.share(self._parent, fork_id, batch)
        row: ForkRow = {
            "fork_id": fork_id,
            "parent": self._parent,
            "checkpoint_id": self._point.checkpoint["id"],
            "node": f"batch {batch}",
            "changes": self._changes.named(),
            "teaches": 1,
            "created_at": time.time(),
        }
        lineage.add(row)  # last: without it the copying is begun again

    def _planned(self, original: RunRow) -> Run:
        """Return what the fork is. Its id follows from the original's state and from what is changed."""
        prompt_set = str(self._edits().get("prompt_set", self._state["prompt_set"]))
        if self._changes.prompts is not None:
            prompt_set = changed_prompts(self.services.prompts, prompt_set, self._changes.prompts)
        self._horizon()  # refuses what it does not understand
        settings = kept_settings(self.services)
        key = {
            "parent": self._parent,
            "checkpoint": self._point.checkpoint["id"],
            "settings": settings,
            "conditions": conditions_of(self.services),
            "prompt_set": prompt_set,
            "memory_snapshot": self._changes.memory_snapshot,
            "state": self._edits(),
        }
        return Run(
            run_id=f"run-{digest_of(canonical(key))[:10]}",
            settings=settings,
            tasks=json.loads(self._bench.contents.get(self._state["run"]["tasks"])),
            task_file=original["settings"]["task_file"],
            prompt_set=prompt_set,
            forked_from=f"{self._parent} after batch {self._state['progress']['batches']}",
        )

    def _edits(self) -> JsonObject:
        """Return the channels of the state that are to be different, whole."""
        return edited(self._state, _apart(self._changes)[1], self._bench.contents)

    def _ref(self) -> RunRef:
        """Return what the loop's state says of the run: the original's, with the fork's own name, model and memory."""
        ref: RunRef = self._edits().get("run", self._state["run"])
        horizon = self._horizon()
        above: list[Ancestor] = horizon.get("ancestors", [])
        if horizon["run_id"]:
            above = [{"run_id": horizon["run_id"], "batch": horizon["batch"]}, *above]
        return {
            **ref,
            "run_id": self.run.run_id,
            "model": str(self.run.settings["model"]),
            "conditions": conditions_of(self.services),
            "watermark": horizon["watermark"],
            "ancestors": above,
            "learner": ref.get("learner", self._parent),
        }

    def _horizon(self) -> Horizon:
        if self._changes.memory_snapshot is not None:
            return horizon_of(self._bench, self.services.memory, self._changes.memory_snapshot)
        return horizon_before(self._edits().get("run", self._state["run"]), self._state["progress"]["batches"])


def fork_run(
    bench: Workbench, name: str, changes: Changes | None = None, *, at_batch: int, events: Sink = ignore
) -> RunReport:
    """Branch a learning run after so many of its train batches and run the branch to its end; return its report.

    Keys of `changes.state` are settings, such as seed or attempts, or places in the state of the loop. The same call
    again continues a fork that was interrupted, and only reads a finished one. events: hears how it goes on.
    Raises SetupError for what the caller can fix, TransientError when the model stays down.
    """
    with RunFork(bench, name, changes or Changes(), at_batch=at_batch) as planned:
        learning = LearningRun(planned.run, planned.services, events)
        try:
            planned.begin()
            learning.drive()
        finally:
            learning.close()
        return RunReport(summary=summarise(planned.services.ledger, planned.run.run_id))


def _settings(bench: Workbench, original: RunRow, changes: Changes) -> Settings:
    """Return the settings of the fork. Raises SetupError for those that a fork cannot change."""
    run_id, wanted = original["run_id"], _apart(changes)[0]
    for name in sorted(FIXED & {key.partition(".")[0] for key in wanted}):
        raise SetupError(f"--set cannot change {name} of a run that has begun: start another one with `ratchet run`")
    if changes.model is None and str(original["settings"]["model"]).startswith("recorded:"):
        raise SetupError(f"{run_id} was answered from a file: name that file, or another model, with --model")
    return settings_with(
        bench, run_id, changes, edited(bench.settings_of(run_id).that_matter(), wanted, bench.contents)
    )


def _apart(changes: Changes) -> tuple[JsonObject, JsonObject]:
    """Return what is changed of the settings, and what of the state."""
    every: JsonMapping = changes.state or {}
    settings = {key: value for key, value in every.items() if key.partition(".")[0] in Settings.model_fields}
    return settings, {key: value for key, value in every.items() if key not in settings}


def _points_by_batch(points: Sequence[CheckpointTuple]) -> dict[int, CheckpointTuple]:
    """Return the checkpoint before `supervise` for each batch after which the run went on or came to its end."""
    before: dict[int, CheckpointTuple] = {}
    passed: set[int] = set()
    for point in points:
        waiting, progress = waiting_nodes(point), values_of(point).get("progress", {})
        if waiting == ["supervise"]:
            before[progress["batches"]] = point
        elif progress and waiting in (["plan_batch"], []):
            passed.add(progress["batches"])  # until then care, prompts or a measurement may have been due
    return {batch: point for batch, point in before.items() if batch in passed}


def _point_after(bench: Workbench, run_id: str, batch: int | None) -> CheckpointTuple:
    """Return the checkpoint at which so many batches were done, and all that was due after them.

    Raises SetupError when there is none, and when an episode before it may still teach something.
    """
    points = history(bench.saver, run_id)
    if not points:
        raise SetupError(f"no checkpoints of {run_id}: nothing to fork (pruned)")
    before = _points_by_batch(points)
    if batch not in before:
        have = f"{min(before)} to {max(before)}" if before else "none yet"
        raise SetupError(f"say after how many batches the fork of {run_id} begins, with --at-batch: it has {have}")
    version = graph_version(learning_loop_graph())
    if points[-1].metadata.get("graph_version", version) != version:
        raise SetupError(f"{run_id} was made by another version of the learning loop: it cannot be forked")
    lost = [f for f in bench.ledger.failures_of(run_id) if f["passing"] and f["phase"] < f"train:{batch:04d}"]
    if any(failure["phase"].startswith("train:") for failure in lost):
        raise SetupError(f"episodes of {run_id} before its batch {batch} have no result yet: continue the run first")
    return before[batch]
