from collections.abc import Callable
from typing import Any

import pytest

from nodes.measure_held_out import measure_held_out


@pytest.fixture
def measured(run_of: Any, progress_of: Any, runtime_with: Any, finished_of: Any) -> Callable[..., Any]:
    """Measure tasks of these splits after two batches; the first episode of all gets no result."""

    def run(*splits: str, ran: Any = None, told: Any = None) -> Any:
        def runner(specs: Any, phase: str) -> Any:
            (ran if ran is not None else []).append(([spec["learn"] for spec in specs], phase))
            rows = [finished_of(s["episode_id"], split=s["split"], solved_first=0, reward=0.5) for s in specs]
            return {"finished": rows[1:], "unscored": [rows[0]["episode_id"]]}

        runtime = runtime_with(run_episodes=runner, events=(told if told is not None else []).append)
        progress = progress_of(batches=2, episodes=64)
        return measure_held_out({"run": run_of(*splits), "prompt_set": "p", "progress": progress}, runtime)

    return run


def test_each_held_out_split_is_a_point_of_the_curve(measured: Any) -> None:
    validation, test = measured("validation", "train", "test", "test")["curve"]
    assert validation == {
        "batch": 2, "split": "validation", "episodes": 64, "solved": 0, "solved_first": 0, "n": 0, "unscored": 1,
        "reward": None,
    }  # fmt: skip
    assert (test["split"], test["solved"], test["solved_first"], test["n"]) == ("test", 2, 0, 2)
    assert (test["unscored"], test["reward"]) == (0, 0.5)


def test_what_is_measured_is_not_learned_from(measured: Any) -> None:
    ran: list[Any] = []
    measured("train", "validation", "test", ran=ran)
    assert ran == [([False, False], "held_out:0002")]


def test_the_progress_notes_when_it_was_measured_and_whoever_watches_is_told(measured: Any) -> None:
    told: list[Any] = []
    assert measured("test", "test", told=told)["progress"]["measured_at"] == 2
    assert told == [{"kind": "measured", "detail": "after 64 episodes: test 1 of 1 solved"}]
