"""How far a run is, for whoever draws it: counts the events, says nothing itself."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from telemetry.events import Event


@dataclass
class Doing:
    """What one worker does."""

    task_id: str
    node: str
    since: float


@dataclass
class Counts:
    """The figures so far; those of the current phase in `phase_*`."""

    phase: str = ""
    phase_total: int = 0
    phase_done: int = 0
    phase_started: float = 0.0
    finished: int = 0
    reused: int = 0
    solved: int = 0
    reward_sum: float = 0.0
    tokens: int = 0
    cost_usd: float = 0.0
    cost_known: bool = True
    failed: int = 0
    last_failure: str = ""
    measured: list[str] = field(default_factory=list)
    optimised: list[str] = field(default_factory=list)
    """One line per iteration of a prompt optimisation."""
    standing: str = ""
    """How far a prompt optimisation has come: candidates, front, best validation score, spend."""
    notices: list[str] = field(default_factory=list)
    """What whoever watches should know, each once."""
    workers: dict[str, Doing] = field(default_factory=dict)

    @property
    def mean_reward(self) -> float:
        """Mean reward of what has finished; 0 before the first."""
        return self.reward_sum / self.finished if self.finished else 0.0


class ProgressTracker:
    """Counts events from all workers; `counts` may be read while it does."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.counts = Counts()
        self._now = now
        self._lock = threading.Lock()
        self._worker_of: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        """Count one event."""
        handle = getattr(self, f"_{event['kind']}", None)
        if handle is not None:
            with self._lock:
                handle(event)

    def eta_s(self) -> float | None:
        """Return the seconds left in the current phase at its pace so far; None before anything finished."""
        counts = self.counts
        elapsed = self._now() - counts.phase_started
        if not counts.phase_done or counts.phase_done == counts.phase_total:
            return None
        return elapsed / counts.phase_done * (counts.phase_total - counts.phase_done)

    def now(self) -> float:
        """Return the time on the clock that `since` is measured with."""
        return self._now()

    def _batch_started(self, event: Event) -> None:
        counts = self.counts
        counts.phase, counts.phase_total, counts.phase_done = event["phase"], event["total"], 0
        counts.phase_started = self._now()

    def _episode_started(self, event: Event) -> None:
        self._worker_of[event["episode_id"]] = event["worker"]
        self.counts.workers[event["worker"]] = Doing(event["task_id"], "", self._now())

    def _node_started(self, event: Event) -> None:
        worker = self._worker_of.get(event["episode_id"])
        if worker in self.counts.workers:
            doing = self.counts.workers[worker]
            doing.node, doing.since = event["node"], self._now()

    def _episode_finished(self, event: Event) -> None:
        counts = self.counts
        counts.phase_done += 1
        counts.finished += 1
        counts.reused += event["reused"]
        counts.solved += event["solved"]
        counts.reward_sum += event["reward"]
        if not event["reused"]:
            counts.tokens += event["tokens"]
            counts.cost_known = counts.cost_known and event["cost_usd"] is not None
            counts.cost_usd += event["cost_usd"] or 0.0
        self._release(event)

    def _episode_failed(self, event: Event) -> None:
        self.counts.phase_done += 1
        self.counts.failed += 1
        self.counts.last_failure = event["reason"]
        self._release(event)

    def _episode_put_aside(self, event: Event) -> None:
        self._release(event)

    def _measured(self, event: Event) -> None:
        self.counts.measured.append(event["detail"])

    def _optimised(self, event: Event) -> None:
        self.counts.optimised.append(event["detail"])

    def _standing(self, event: Event) -> None:
        self.counts.standing = event["detail"]

    def _notice(self, event: Event) -> None:
        if event["detail"] not in self.counts.notices:
            self.counts.notices.append(event["detail"])

    def _release(self, event: Event) -> None:
        worker = self._worker_of.pop(event["episode_id"], None)
        if worker is not None:
            self.counts.workers.pop(worker, None)
