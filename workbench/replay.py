"""`replay`: execute a saved episode or run once more from what was recorded, and say what differs, node by node."""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver

from checkpoints.differences import Difference
from checkpoints.history import copy_thread, history, values_of
from checkpoints.replay import ThreadReplay, replay_thread
from checkpoints.savers import threads_beginning
from graphs.episode import episode_graph
from graphs.learning_loop import learning_loop_graph
from graphs.prompt_optimization import prompt_optimization_graph
from memory.embedders import embedder_named
from runtime.context import BatchResult, Context
from state.episode import EpisodeSpec, EpisodeState
from state.errors import RatchetError, SetupError
from state.json_values import JsonObject
from state.optimization import OptimizationRef
from storage.contents import ContentStore
from telemetry.langsmith import untraced
from workbench.apart import (
    ContentsApart,
    LedgerApart,
    MemoryApart,
    OptimisationsApart,
    PromptsApart,
    QuestionsApart,
)
from workbench.bench import Workbench, spec_of
from workbench.html import page, table
from workbench.recording import recorded_models

ADDRESS = re.compile(r"[0-9a-f]{32}")
DIFF_LINES = 40
Told = Callable[[ThreadReplay], None]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a replay found. Displays itself in a notebook."""

    name: str
    threads: list[ThreadReplay]
    """One per episode, and the run's loop."""
    not_replayed: list[str]
    """What has no checkpoints, or cannot be executed again, with the reason."""
    texts: dict[str, str]
    """Texts by address, where a difference is one of addresses."""

    @property
    def is_same(self) -> bool:
        """Whether every node did what was recorded."""
        return all(thread.is_same for thread in self.threads)

    @property
    def n_steps(self) -> int:
        """Nodes that were executed."""
        return sum(len(thread.steps) for thread in self.threads)

    def lines(self) -> Iterator[tuple[str, str, str]]:
        """Yield (thread, node, what differs) for every difference, texts as a diff."""
        for thread in self.threads:
            for step in thread.steps:
                if step.raised:
                    yield thread.thread_id, step.node, f"raised {step.raised}"
                for difference in step.differences:
                    yield thread.thread_id, step.node, self.in_words(difference)

    def in_words(self, difference: Difference) -> str:
        """Return a difference for people: of addresses, the texts' difference."""
        before, after = (self.texts.get(str(value)) for value in (difference.recorded, difference.replayed))
        if before is None or after is None:
            return f"{difference.path}: recorded {difference.recorded}, now {difference.replayed}"
        diff = list(difflib.unified_diff(before.splitlines(), after.splitlines(), "recorded", "now", lineterm="", n=1))
        more = [f"… {len(diff) - DIFF_LINES} more lines"] if len(diff) > DIFF_LINES else []
        return "\n".join([f"{difference.path}:", *diff[:DIFF_LINES], *more])

    def summary(self) -> str:
        """Return the result in one line."""
        differing = sum(not step.is_same for thread in self.threads for step in thread.steps)
        found = f"{differing} of {self.n_steps} nodes differ" if differing else f"{self.n_steps} nodes, no difference"
        threads = f" in {len(self.threads)} threads" if len(self.threads) != 1 else ""
        left_out = f"; {len(self.not_replayed)} not replayed" if self.not_replayed else ""
        return f"{self.name}: {found}{threads}{left_out}"

    def _repr_html_(self) -> str:
        rows = [[thread[:12], node, what] for thread, node, what in self.lines()]
        steps = [
            [step.node, "same" if step.is_same else "differs"] for thread in self.threads[:1] for step in thread.steps
        ]
        shown = table(["thread", "node", "difference"], rows) if rows else table(["node", "replayed"], steps)
        return page(self.summary(), shown if rows or len(self.threads) == 1 else "")


def replay(bench: Workbench, name: str, told: Told = lambda _: None) -> Replay:
    """Execute an episode, an optimisation, or a run with all of both once more, and compare with what was recorded.

    name: a run, an optimisation, or the beginning of an episode's id. told: hears of every thread as it is done.
    The home is only read. Raises SetupError when there is no such run or episode, or its checkpoints are gone.
    """
    player = _Replayer(bench)
    try:
        run = bench.run_of(name)
        if run is None:
            is_optimisation = name.startswith("opt-")
            thread_id = bench.optimisation_thread(name) if is_optimisation else bench.thread_of(name)
            with untraced():
                played = player.optimisation(thread_id) if is_optimisation else player.episode(thread_id)
            threads, left_out = [played], list[str]()
            told(played)
        else:
            thread_id = run["run_id"]
            with untraced():
                threads, left_out = player.run(thread_id, told)
        texts = dict(player.texts_in(threads))
        return Replay(name=thread_id, threads=threads, not_replayed=left_out, texts=texts)
    finally:
        player.close()


class _Replayer:
    """Replays threads of one home with services that write nothing to it."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._contents = ContentsApart(bench.home)
        self._memories: list[MemoryApart] = []
        self._contexts: dict[str, Context] = {}

    def close(self) -> None:
        """Give back what was opened."""
        for memory in self._memories:
            memory.close()

    def episode(self, thread_id: str) -> ThreadReplay:
        """Replay one episode with the answers that its model gave."""
        points = history(self._bench.saver, thread_id)
        if not points:
            raise SetupError(f"no checkpoints of {thread_id}: nothing to replay (pruned, or never begun)")
        state = cast("EpisodeState", values_of(points[-1]))
        run_id = spec_of(state)["run_id"]
        context = replace(self._context(run_id), models=recorded_models(state, self._bench.contents))
        return replay_thread(episode_graph(), self._bench.saver, thread_id, lambda _before, _after: context)

    def optimisation(self, thread_id: str) -> ThreadReplay:
        """Replay an optimisation with the proposals and the rollouts that were recorded."""
        points = history(self._bench.saver, thread_id)
        if not points:
            raise SetupError(f"no checkpoints of {thread_id}: nothing to replay (pruned, or never begun)")
        ref: OptimizationRef = values_of(points[-1])["optimization"]
        context = replace(
            self._context(ref["run_id"]),
            settings=self._bench.settings_of(ref["run_id"]),  # who proposes depends on the models' names
            prompts=PromptsApart(self._bench.home),
            optimisations=OptimisationsApart(self._bench.home),
            questions=QuestionsApart(self._bench.home),
        )

        def at(_before: CheckpointTuple, after: CheckpointTuple) -> Context:
            done_by = datetime.fromisoformat(after.checkpoint["ts"]).timestamp()
            return replace(context, run_episodes=lambda specs, _phase: self._recorded_batch(specs, done_by))

        return replay_thread(prompt_optimization_graph(), self._bench.saver, thread_id, at)

    def run(self, run_id: str, told: Told) -> tuple[list[ThreadReplay], list[str]]:
        """Replay a run: its loop's decisions, its optimisations and every episode that it used."""
        threads: list[ThreadReplay] = []
        left_out: list[str] = []
        ids = dict.fromkeys(row["episode_id"] for _, row in self._bench.ledger.episodes_of(run_id))
        work: list[tuple[str, Callable[[str], ThreadReplay]]] = [(run_id, self._loop)]
        for thread_id in self._periods(run_id):
            if ":optimise_prompts:" in thread_id:
                work.append((thread_id, self.optimisation))
            else:
                left_out.append(f"{thread_id}: it changes the memory of the home; its end is taken as recorded")
        for thread_id, play in [*work, *((episode_id, self.episode) for episode_id in ids)]:
            try:
                threads.append(play(thread_id))
                told(threads[-1])
            except SetupError as error:
                left_out.append(f"{thread_id}: {error}")
        return threads, left_out

    def texts_in(self, threads: Sequence[ThreadReplay]) -> Iterator[tuple[str, str]]:
        """Yield the texts at all addresses that differ."""
        for difference in (d for thread in threads for step in thread.steps for d in step.differences):
            for value in (difference.recorded, difference.replayed):
                if isinstance(value, str) and ADDRESS.fullmatch(value):
                    text = _text_at(self._contents, value)
                    if text is not None:
                        yield value, text

    def _loop(self, run_id: str) -> ThreadReplay:
        """Replay the loop's decisions: a batch gives what the ledger says, an optimisation or care its recorded end."""
        ended = InMemorySaver()
        for thread_id in self._periods(run_id):
            copy_thread(self._bench.saver, ended, thread_id, thread_id)
        context = replace(self._context(run_id), checkpointer=ended)

        def at(_before: CheckpointTuple, after: CheckpointTuple) -> Context:
            done_by = datetime.fromisoformat(after.checkpoint["ts"]).timestamp()
            return replace(context, run_episodes=lambda specs, _phase: self._recorded_batch(specs, done_by))

        return replay_thread(learning_loop_graph(), self._bench.saver, run_id, at)

    def _recorded_batch(self, specs: Sequence[EpisodeSpec], done_by: float) -> BatchResult:
        """Return what the ledger had of a batch when the batch was done: a later retry does not count."""
        found = self._bench.ledger.find([spec["episode_id"] for spec in specs])
        done = {episode_id: row for episode_id, row in found.items() if row["finished_at"] <= done_by}
        ids = [spec["episode_id"] for spec in specs]
        return {"finished": [done[i] for i in ids if i in done], "unscored": [i for i in ids if i not in done]}

    def _periods(self, run_id: str) -> list[str]:
        """Return the threads of the periodic graphs of a run."""
        return threads_beginning(self._bench.saver, f"{run_id}:")

    def _context(self, run_id: str) -> Context:
        if run_id not in self._contexts:
            # the roles stay as they were: whether there is a reviewer decides what is asked
            settings = self._bench.settings_of(run_id, {"model": "offline"})
            memory = MemoryApart(self._bench.home, embedder=embedder_named(settings.embedder))
            self._memories.append(memory)
            ledger = LedgerApart(self._bench.home)
            apart: JsonObject = {"contents": self._contents, "memory": memory, "ledger": ledger}
            self._contexts[run_id] = self._bench.context(settings, self._bench.services.models, **apart)
        return self._contexts[run_id]


def _text_at(contents: ContentStore, address: str) -> str | None:
    try:
        return contents.get(address)
    except RatchetError:
        return None
