from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from batch.progress import ProgressTracker
from telemetry.events import Event


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def tracker(clock: list[float]) -> ProgressTracker:
    return ProgressTracker(now=lambda: clock[0])


def started(name: str, worker: str = "worker_0") -> Event:
    return {"kind": "episode_started", "worker": worker, "episode_id": name, "task_id": f"task {name}"}


def finished(name: str, **fields: Any) -> Event:
    event: Any = {"kind": "episode_finished", "episode_id": name, "task_id": name, "worker": "w", "solved": True,
                  "reward": 1.0, "tokens": 10, "cost_usd": 0.25, "reused": False}  # fmt: skip
    return {**event, **fields}


def test_what_has_finished_is_counted(tracker: ProgressTracker) -> None:
    tracker({"kind": "batch_started", "phase": "train:0000", "total": 3})
    for event in (finished("a"), finished("b", solved=False, reward=0.5)):
        tracker(event)
    counts = tracker.counts
    assert (counts.phase, counts.phase_done, counts.phase_total) == ("train:0000", 2, 3)
    assert (counts.finished, counts.solved, counts.mean_reward) == (2, 1, 0.75)
    assert (counts.tokens, counts.cost_usd, counts.cost_known) == (20, 0.5, True)


def test_a_result_from_the_ledger_costs_nothing_again(tracker: ProgressTracker) -> None:
    tracker(finished("a", reused=True, cost_usd=None))
    counts = tracker.counts
    assert (counts.finished, counts.reused, counts.tokens, counts.cost_usd, counts.cost_known) == (1, 1, 0, 0.0, True)


def test_one_unknown_price_makes_the_cost_unknown(tracker: ProgressTracker) -> None:
    tracker(finished("a", cost_usd=None))
    tracker(finished("b"))
    assert tracker.counts.cost_known is False


def test_a_failure_is_no_wrong_answer(tracker: ProgressTracker) -> None:
    tracker(started("a"))
    tracker({"kind": "episode_failed", "episode_id": "a", "reason": "429"})
    counts = tracker.counts
    assert (counts.failed, counts.last_failure, counts.phase_done, counts.finished) == (1, "429", 1, 0)
    assert counts.mean_reward == 0.0
    assert counts.workers == {}


def test_each_worker_shows_what_it_does_and_since_when(tracker: ProgressTracker, clock: list[float]) -> None:
    tracker(started("a"))
    tracker(started("b", "worker_1"))
    clock[0] = 103.0
    tracker({"kind": "node_started", "node": "execute", "episode_id": "b"})
    tracker({"kind": "node_started", "node": "seed", "episode_id": "nobody"})
    doing = {name: (d.task_id, d.node, d.since) for name, d in tracker.counts.workers.items()}
    assert doing == {"worker_0": ("task a", "", 100.0), "worker_1": ("task b", "execute", 103.0)}
    tracker(finished("b"))
    assert list(tracker.counts.workers) == ["worker_0"]


def test_the_time_left_follows_from_the_pace_of_the_phase(tracker: ProgressTracker, clock: list[float]) -> None:
    tracker({"kind": "batch_started", "phase": "train:0000", "total": 4})
    assert tracker.eta_s() is None
    clock[0] = 110.0
    tracker(finished("a"))
    assert tracker.eta_s() == 30.0
    for name in "bcd":
        tracker(finished(name))
    assert tracker.eta_s() is None


def test_a_new_phase_starts_its_own_count(tracker: ProgressTracker) -> None:
    tracker(finished("a"))
    tracker({"kind": "batch_started", "phase": "held_out:0001", "total": 9})
    assert (tracker.counts.phase_done, tracker.counts.finished) == (0, 1)


def test_measurements_are_kept_and_what_is_not_counted_does_no_harm(tracker: ProgressTracker) -> None:
    tracker({"kind": "measured", "detail": "test 1 of 2 solved"})
    tracker({"kind": "run_started"})
    assert tracker.counts.measured == ["test 1 of 2 solved"]


def test_workers_may_report_at_once(tracker: ProgressTracker) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(2_000):
            pool.submit(tracker, finished(str(number), tokens=1))
    assert (tracker.counts.finished, tracker.counts.tokens) == (2_000, 2_000)
