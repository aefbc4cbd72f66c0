from collections.abc import Callable

import pytest

from checkpoints.ledger import IDS_PER_QUERY, Ledger
from state.errors import SetupError
from state.ledger import Failure, FinishedEpisode, RunRow
from storage.engine import Home

Finished = Callable[..., FinishedEpisode]
RUN: RunRow = {
    "run_id": "run-1",
    "settings": {"seed": 0},
    "status": "running",
    "started_at": 1.0,
    "ended_at": None,
    "active_s": 0.0,
}


@pytest.fixture
def ledger(home: Home) -> Ledger:
    return Ledger(home)


def failure(episode_id: str, run_id: str = "run-1", reason: str = "429", position: int = 0) -> Failure:
    return {
        "episode_id": episode_id, "run_id": run_id, "task_id": "t", "spec": {"attempts": 3}, "phase": "train:0000",
        "position": position, "reason": reason, "count": 1, "passing": 1, "failed_at": 5.0,
    }  # fmt: skip


def record(ledger: Ledger, row: FinishedEpisode, run_id: str = "run-1", phase: str = "train:0000", at: int = 0) -> None:
    ledger.record(row, run_id, phase, at, had_failed=True)


def test_a_row_comes_back_as_it_was_and_written_twice_is_there_once(ledger: Ledger, finished_of: Finished) -> None:
    row = finished_of("a", cost_usd=None, components={"correctness": 0.1 + 0.2})
    record(ledger, row)
    record(ledger, row)
    assert ledger.find(["a", "b"]) == {"a": row}
    assert ledger.episodes_of("run-1") == [("train:0000", row)]


def test_the_first_row_of_an_episode_stays_whatever_comes_later(ledger: Ledger, finished_of: Finished) -> None:
    record(ledger, finished_of("a", reward=0.5))
    record(ledger, finished_of("a", reward=0.9))
    assert ledger.find(["a"])["a"]["reward"] == 0.5


def test_any_number_of_episodes_can_be_asked_for(ledger: Ledger, finished_of: Finished) -> None:
    record(ledger, finished_of("e3"))
    assert set(ledger.find([f"e{n}" for n in range(2 * IDS_PER_QUERY + 1)])) == {"e3"}
    assert ledger.find([]) == {}


def test_a_run_lists_what_it_used_in_its_own_order_whoever_ran_it(ledger: Ledger, finished_of: Finished) -> None:
    for position, name in enumerate(("a", "b")):
        record(ledger, finished_of(name), at=position)
    ledger.link("run-2", "held_out:0001", [(1, "a"), (0, "b")])
    ledger.link("run-2", "held_out:0001", [(1, "a")])
    ledger.link("run-2", "held_out:0000", [])
    assert [(phase, row["episode_id"]) for phase, row in ledger.episodes_of("run-2")] == [
        ("held_out:0001", "b"),
        ("held_out:0001", "a"),
    ]


def test_a_failure_is_noted_once_with_its_count_and_its_latest_reason(ledger: Ledger) -> None:
    ledger.fail(failure("a"))
    ledger.fail(failure("a", reason="500"))
    assert ledger.failures_of("run-1") == [{**failure("a", reason="500"), "count": 2}]
    assert ledger.failures_of("run-2") == []


def test_failures_come_in_the_order_of_the_run(ledger: Ledger) -> None:
    for name, position in (("a", 2), ("b", 0), ("c", 1)):
        ledger.fail(failure(name, position=position))
    assert [found["episode_id"] for found in ledger.failures_of("run-1")] == ["b", "c", "a"]


def test_an_episode_that_finishes_has_failed_no_more_in_its_run_alone(ledger: Ledger, finished_of: Finished) -> None:
    for name, run_id in (("a", "run-1"), ("b", "run-1"), ("a", "run-2")):
        ledger.fail(failure(name, run_id))
    record(ledger, finished_of("a"))
    assert [found["episode_id"] for found in ledger.failures_of("run-1")] == ["b"]
    assert [found["episode_id"] for found in ledger.failures_of("run-2")] == ["a"], "it finds the row when it looks"
    ledger.link("run-2", "train:0000", [(0, "a")])
    assert ledger.failures_of("run-2") == []


def test_an_episode_is_found_by_the_beginning_of_its_id(ledger: Ledger, finished_of: Finished) -> None:
    for name in ("abc", "abd", "a%c"):
        record(ledger, finished_of(name))
    found = [ledger.episode(prefix) for prefix in ("abc", "a%", "x")]
    assert [row["episode_id"] if row else None for row in found] == ["abc", "a%c", None]
    with pytest.raises(SetupError, match="several episodes begin with 'ab'"):
        ledger.episode("ab")


def test_a_run_is_begun_once_and_begun_again_when_it_is_continued(ledger: Ledger) -> None:
    ledger.begin_run(RUN)
    ledger.end_run("run-1", "stopped", 2.0, 1.5)
    assert ledger.run("run-1") == {**RUN, "status": "stopped", "ended_at": 2.0, "active_s": 1.5}
    ledger.begin_run({**RUN, "started_at": 9.0, "settings": {}})
    assert ledger.runs() == [{**RUN, "active_s": 1.5}]


def test_runs_are_listed_from_the_newest_and_found_by_the_beginning_of_their_id(ledger: Ledger) -> None:
    for number in (1, 2):
        ledger.begin_run({**RUN, "run_id": f"run-{number}", "started_at": float(number)})
    assert [run["run_id"] for run in ledger.runs()] == ["run-2", "run-1"]
    assert ledger.run("run-3") is None
    with pytest.raises(SetupError, match="several runs begin with 'run-'"):
        ledger.run("run-")
