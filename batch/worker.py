"""Bring single episodes to their ends: what a thread of this process and a process on a cluster do alike."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl

from batch.restarts import outlasting
from checkpoints.savers import CHECKPOINT_FILE, Saver, close_saver, open_saver
from checkpoints.threads import drive, thread_config
from graphs.episode import episode_graph
from graphs.version import graph_version
from runtime.context import Context
from runtime.results import finished_episode
from state.episode import EpisodeSpec
from state.errors import ClaimedError, StoppedError, WaitingError
from state.ledger import FinishedEpisode
from storage.engine import Home
from storage.locks import locks_of
from telemetry.events import Event
from telemetry.langsmith import untraced

Graph = CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, kw_only=True)
class Job:
    """An episode that has no result yet, and its place in the run."""

    spec: EpisodeSpec
    phase: str
    position: int
    had_failed: bool
    """It ended without a result earlier in this run."""

    @property
    def episode_id(self) -> str:
        """Its episode's id."""
        return self.spec["episode_id"]


class EpisodeEnd(NamedTuple):
    """The row of an episode that has come to its end."""

    row: FinishedEpisode
    reused: bool
    """Another run had brought it there."""


class EpisodeWorker:
    """Runs episodes of any number of threads. An episode that was begun before, here or elsewhere, is continued.

    stop() may be called from a signal handler: episodes end after the node they are in.
    """

    def __init__(self, context: Context, home: Home) -> None:
        self._context = context
        self._home = home
        self._graph = episode_graph()
        self._version = graph_version(self._graph)
        self._savers: list[Saver] = []
        self._idle: deque[Graph] = deque()  # each with a saver of its own: a saver holds one lock
        self._controls: dict[str, RunControl] = {}
        self._stopping = threading.Event()

    def run(self, job: Job) -> EpisodeEnd:
        """Bring an episode to its end and write its row.

        Raises ClaimedError while another process is at work on it, StoppedError after stop(), WaitingError when a
        person is asked, and what the nodes raise.
        """
        with self._claimed(job.episode_id):
            return outlasting(lambda: self._found(job) or self._run(job), self._wait)

    def stop(self) -> None:
        """Ask every running episode to end at its next node; those that come later do not begin."""
        self._stopping.set()
        for control in list(self._controls.values()):
            control.request_drain("stopped by the user")

    def close(self) -> None:
        """Close the savers; nothing may be running any more."""
        for saver in self._savers:
            close_saver(saver)

    @contextmanager
    def _claimed(self, episode_id: str) -> Iterator[None]:
        """Hold an episode: runs of one home share episodes, and one of them executes it."""
        locks, name = locks_of(self._home), f"episode {episode_id}"
        if not locks.take(name):
            raise ClaimedError("another process is at work on it")
        try:
            yield
        finally:
            locks.release(name)

    def _found(self, job: Job) -> EpisodeEnd | None:
        """Return the end of an episode that another run has brought to its end, and note that this run uses it."""
        ledger, episode_id = self._context.ledger, job.episode_id
        row = ledger.find([episode_id]).get(episode_id)
        if row is None:
            return None
        ledger.link(job.spec["run_id"], job.phase, [(job.position, episode_id)])
        return EpisodeEnd(row, reused=True)

    def _run(self, job: Job) -> EpisodeEnd:
        context, episode_id = self._context, job.episode_id
        control = self._controls[episode_id] = RunControl()
        started = time.monotonic()
        try:
            self._wait(0.0)  # after the control is known to stop(): one of the two notices
            config = thread_config(episode_id, self._version)
            with untraced(), self._home.naming_errors(CHECKPOINT_FILE), self._borrowed_graph() as graph:
                answer_to = context.questions.answer_to
                state = drive(graph, config, {"episode": job.spec}, context, control, answer_to=answer_to)
        except GraphDrained as error:
            raise StoppedError("stopped between two nodes") from error
        except WaitingError:
            self._note_question(job)
            raise
        finally:
            del self._controls[episode_id]
        row = finished_episode(state, wall_s=time.monotonic() - started, finished_at=context.clock())  # type: ignore[arg-type]
        context.ledger.record(row, job.spec["run_id"], job.phase, job.position, had_failed=job.had_failed)
        if job.spec.get("ask"):
            context.questions.close(episode_id)
        return EpisodeEnd(row, reused=False)

    @contextmanager
    def _borrowed_graph(self) -> Iterator[Graph]:
        try:
            graph = self._idle.pop()
        except IndexError:
            saver = open_saver(self._home)
            self._savers.append(saver)
            graph = self._graph.compile(checkpointer=saver)
        try:
            yield graph
        finally:
            self._idle.append(graph)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoppedError("stopped before it ended")

    def _note_question(self, job: Job) -> None:
        self._context.questions.ask(
            {
                "thread_id": job.episode_id,
                "before": "remember",
                "run_id": job.spec["run_id"],
                "task_id": job.spec["task_id"],
                "phase": job.phase,
                "position": job.position,
                "asked_at": self._context.clock(),
                "answer": "",
                "answered_at": None,
            }
        )


def started_event(job: Job, worker: str) -> Event:
    """Return what is told when an episode begins."""
    task_id = job.spec["task_id"]
    return {"kind": "episode_started", "worker": worker, "episode_id": job.episode_id, "task_id": task_id}


def put_aside_event(job: Job) -> Event:
    """Return what is told when an episode is left to another process, for now."""
    return {"kind": "episode_put_aside", "episode_id": job.episode_id}


def finished_event(row: FinishedEpisode, worker: str, *, reused: bool) -> Event:
    """Return what is told when an episode has a result; reused: it had one before this run came to it."""
    return {
        "kind": "episode_finished",
        "worker": worker,
        "episode_id": row["episode_id"],
        "task_id": row["task_id"],
        "solved": bool(row["solved"]),
        "reward": row["reward"],
        "tokens": row["prompt_tokens"] + row["completion_tokens"],
        "cost_usd": row["cost_usd"],
        "reused": reused,
    }
