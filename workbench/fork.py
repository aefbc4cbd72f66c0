"""`fork`: branch an episode at any node, with another model, prompt set, memory or state; the original stays as it is.

The rule: a fork teaches nobody. It gets no row in the ledger, so no run finds its result, and what it would remember is
written only where `teach` asks for it: then under the fork's own name, so that the original's run never sees it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from batch.lease import Lease
from checkpoints.history import history, point_before, values_of, waiting_nodes
from checkpoints.lineage import ForkRow, Lineage, branch
from checkpoints.savers import CHECKPOINT_FILE
from checkpoints.threads import drive, thread_config
from graphs.episode import episode_graph
from graphs.version import graph_version
from memory.embedders import Embedder, embedder_named
from memory.store import MemoryStore
from models.retry import Retries
from models.roles import Models, RoleModel
from prompts.registry import PromptRegistry, read_folder
from runtime.build import make_role_models
from runtime.context import Context
from runtime.settings import Settings
from state.episode import EpisodeSpec, EpisodeState
from state.errors import SetupError
from state.learning import RunRef
from state.memory_item import Ancestor, Horizon, MemoryDraft
from storage.contents import canonical, digest_of
from storage.engine import Home
from telemetry.langsmith import untraced
from workbench.apart import MemoryApart
from workbench.bench import Workbench, model_name, spec_of
from workbench.edits import edited
from workbench.recording import EpisodeRecording

ALL_BATCHES = 10**9  # later than any batch: all that a run has remembered


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is to be different in a fork; what is None stays."""

    model: str | None = None
    base_url: str | None = None
    prompts: str | None = None
    """The beginning of a prompt set's id, or a folder whose NAME.md files replace components."""
    memory_snapshot: str | None = None
    """"none", "home" (all there is now), a run, or "run-…@3": what its batches before the fourth remembered."""
    state: Mapping[str, Any] | None = None
    """Paths and values, as workbench.edits reads them."""

    def named(self) -> dict[str, Any]:
        """Return what is changed, without texts."""
        what: dict[str, Any] = {
            "model": self.model,
            "prompts": self.prompts,
            "memory_snapshot": self.memory_snapshot,
            "set": sorted(self.state) if self.state else None,
        }
        return {name: value for name, value in what.items() if value is not None}

    def first_node(self) -> str:
        """Return the first node that they can matter to; raises SetupError for edits, which may matter anywhere."""
        if self.memory_snapshot is not None:
            return "retrieve"
        if self.model is not None or self.prompts is not None:
            return "generate"
        raise SetupError(
            "say from which node the fork starts (--from), such as execute, or generate:2 for its 2nd turn"
        )


def fork(bench: Workbench, name: str, changes: Changes, *, at: str | None = None, teach: bool = False) -> str:
    """Branch an episode and run the branch to its end; return its id. The same fork again only continues it.

    at: the node from which it runs again ("generate:2": its second turn) or the beginning of a checkpoint's id;
    None: the first that the changes matter to. Raises SetupError for what cannot be changed so, and what nodes raise.
    """
    parent = bench.thread_of(name)
    points = history(bench.saver, parent)
    if not points:
        raise SetupError(f"no checkpoints of {parent}: nothing to fork (pruned)")
    node = at or changes.first_node()
    point = point_before(points, node)
    if waiting_nodes(point) == ["ask"]:
        raise SetupError("a fork cannot start with the question to a person: start it from remember")
    maker = _Maker(bench, parent, cast("EpisodeState", values_of(points[-1])))
    state = values_of(point)
    values = maker.values(state, changes)
    checkpoint_id = point.checkpoint["id"]
    key = {"parent": parent, "checkpoint": checkpoint_id, "values": values, "teach": teach}
    fork_id = f"fork-{digest_of(canonical(key))[:10]}"
    spec: EpisodeSpec = values.get("episode", spec_of(state))
    values["episode"] = {**spec, "episode_id": fork_id, "ask": False}  # nobody is asked about what teaches nobody
    lease = Lease(bench.folder / "forks" / fork_id, bench.home)
    try:
        lineage = Lineage(bench.home)
        if lineage.fork(fork_id) is None:
            branch(bench.saver, points, point, fork_id, values)
            row: ForkRow = {
                "fork_id": fork_id,
                "parent": parent,
                "checkpoint_id": checkpoint_id,
                "node": node,
                "changes": changes.named(),
                "teaches": int(teach),
                "created_at": maker.context.clock(),
            }
            lineage.add(row)  # last: without it the copying is begun again
        maker.drive(fork_id, changes, teach=teach)
    finally:
        lease.release()
    return fork_id


class _MemoryOfFork(MemoryStore):
    """The home's memory; what is added belongs to a fork."""

    def __init__(self, home: Home, fork_id: str, embedder: Embedder | None) -> None:
        super().__init__(home, embedder=embedder)
        self._fork_id = fork_id

    def add_all(self, drafts: Sequence[MemoryDraft]) -> list[str]:
        """Store memories under the fork's name: runs that begin with the home's memory see them, others do not."""
        return super().add_all(
            [{**draft, "origin": {**draft["origin"], "run_id": self._fork_id, "batch": 0}} for draft in drafts]
        )


class _Maker:
    """Makes the changed state of a fork and the services that it runs with."""

    def __init__(self, bench: Workbench, parent: str, last: EpisodeState) -> None:
        self._bench = bench
        self._parent = parent
        self._last = last
        self._spec = spec_of(last)
        self.context: Context = bench.context(bench.settings_of(self._spec["run_id"]), bench.services.models)

    def values(self, state: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
        """Return the channels that a fork starts with, where they differ from the original's."""
        values = edited(state, changes.state or {}, self._bench.contents)
        spec: EpisodeSpec = values.get("episode", spec_of(state))
        if changes.model is not None:
            settings = settings_with(self._bench, self._spec["run_id"], changes)
            spec = {**spec, "model": make_role_models(settings)["generate"].model_id}
        if changes.prompts is not None:
            spec = {**spec, "prompt_set": changed_prompts(self.context.prompts, spec["prompt_set"], changes.prompts)}
        if changes.memory_snapshot is not None:
            horizon = horizon_of(self._bench, self.context.memory, changes.memory_snapshot)
            spec = {**spec, "horizon": horizon, "memory_snapshot": self.context.memory.snapshot(horizon)}
        return values if spec == state["episode"] else {**values, "episode": spec}

    def drive(self, fork_id: str, changes: Changes, *, teach: bool) -> None:
        """Bring a fork to its end."""
        home, embedder = self._bench.home, embedder_named(self.context.settings.embedder)
        memory = _MemoryOfFork(home, fork_id, embedder) if teach else MemoryApart(home, embedder=embedder)
        models = self._models(changes)
        context = replace(self.context, memory=memory, models=models)
        graph = episode_graph()
        try:
            with untraced(), self._bench.home.naming_errors(CHECKPOINT_FILE):
                config = thread_config(fork_id, graph_version(graph))
                drive(graph.compile(checkpointer=self._bench.saver), config, {}, context)
        finally:
            memory.close()
            models.close()

    def _models(self, changes: Changes) -> Models:
        """Return the models that answer: the one asked for, or the original's; of a recording, what is recorded.

        What they cost is in the fork's own state and not added to the run's figures.
        """
        if changes.model is None and model_name(self._spec["model"]).startswith("recorded:"):
            settings = self._bench.settings_of(self._spec["run_id"], {"model": "offline"})
            writer = EpisodeRecording.of(self._last.get("attempts", []), self._bench.contents)
            by_role = {**make_role_models(settings), "generate": RoleModel(model=writer, model_id="recorded")}
        else:
            settings = settings_with(self._bench, self._spec["run_id"], changes)
            by_role = make_role_models(settings)
        return Models(by_role, retries=Retries(count=settings.retries, first_wait_s=settings.retry_wait_s))


def settings_with(bench: Workbench, run_id: str, changes: Changes, others: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a run, with the model that is asked for in its place, and with other values."""
    if changes.model is None:
        return bench.settings_of(run_id, others)
    settings = bench.settings_of(run_id, {**(others or {}), "model": changes.model, "key_env": None})
    roles = {role: one for role, one in settings.roles.items() if role != "generate"}
    return settings.model_copy(update={"model": changes.model, "base_url": changes.base_url, "roles": roles})


def changed_prompts(prompts: PromptRegistry, old: str, given: str) -> str:
    """Return the prompt set that the beginning of an id, or a folder of components, stands for; keep a new one."""
    now = time.time()
    if not Path(given).is_dir():
        return prompts.find(given, now)["prompt_set"]
    return prompts.add_users(read_folder(Path(given), prompts.get(old)), old, now)


def horizon_of(bench: Workbench, memory: MemoryStore, given: str) -> Horizon:
    """Return which memories "none", "home", "run-…" or "run-…@3" mean; raises SetupError for anything else."""
    if given == "none":
        return {"watermark": 0, "run_id": "", "batch": 0}
    if given == "home":
        return {"watermark": memory.watermark(), "run_id": "", "batch": 0}
    name, at, batch = given.partition("@")
    run = bench.run_of(name)
    if run is None or (at and not batch.isdigit()):
        raise SetupError(f'memory snapshot {given!r}: write none, home, a run, or a run and a batch like "run-1a2b@3"')
    points = history(bench.saver, run["run_id"])
    if not points:
        return {"watermark": 0, "run_id": run["run_id"], "batch": int(batch) if at else ALL_BATCHES}
    return horizon_before(values_of(points[-1])["run"], int(batch) if at else ALL_BATCHES)


def horizon_before(run: RunRef, batch: int) -> Horizon:
    """Return what a run remembered before a batch, with what it took over from those that it was forked from."""
    horizon: Horizon = {"watermark": run["watermark"], "run_id": run["run_id"], "batch": batch}
    above: list[Ancestor] = [{**one, "batch": min(one["batch"], batch)} for one in run.get("ancestors", [])]
    return {**horizon, "ancestors": above} if above else horizon
