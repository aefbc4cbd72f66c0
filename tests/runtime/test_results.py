from typing import Any

from runtime.results import finished_episode
from state.episode import EpisodeState


def attempt(index: int, visible: int, passed: int, cost: float | None, finish: str = "stop") -> Any:
    report = {
        "passed": passed, "total": 2, "visible_passed": visible, "visible_total": 1, "limit": "", "cpu_s": 0.5,
        "status": "passed" if passed == 2 else "failed", "report": f"report {index}",
    }  # fmt: skip
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "cost_usd": cost, "model_s": 1.5}
    return {"index": index, "code": f"program {index}", "finish": finish, "usage": usage, "report": report}


def state_of(*attempts: Any) -> EpisodeState:
    names = ("episode_id", "prompt_set", "memory_snapshot", "split", "task_id", "task", "model", "conditions")
    state: Any = {
        "episode": {**{name: name for name in names}, "repeat": 1, "attempts": 3},
        "memories": [{"memory_id": "m", "kind": "procedural", "score": 0.5}],
        "attempts": list(attempts),
        "review": {"overfit": True},
        "reward": {"total": 0.75, "components": {"correctness": 0.75}, "table": "v"},
        "remembered": ["r"],
    }
    return state


def test_a_row_adds_up_all_attempts_and_tells_of_the_one_that_counts() -> None:
    row = finished_episode(state_of(attempt(0, 0, 0, 0.25), attempt(1, 1, 2, 0.5)), wall_s=9.0, finished_at=1000.0)
    assert (row["solved_first"], row["solved"], row["attempts"]) == (0, 1, 2)
    assert (row["prompt_tokens"], row["completion_tokens"], row["cost_usd"]) == (20, 6, 0.75)
    assert (row["model_s"], row["sandbox_s"], row["wall_s"], row["finished_at"]) == (3.0, 1.0, 9.0, 1000.0)
    assert row["outcome"]["code"] == "program 1"
    assert (row["outcome"]["memories"], row["outcome"]["remembered"], row["outcome"]["overfit"]) == (["m"], ["r"], True)


def test_a_later_attempt_that_fits_fewer_examples_does_not_count() -> None:
    row = finished_episode(state_of(attempt(0, 1, 1, 0.0), attempt(1, 0, 2, 0.0)), wall_s=0.0, finished_at=0.0)
    assert (row["solved"], row["outcome"]["passed"], row["outcome"]["status"]) == (0, 1, "failed")


def test_a_price_that_is_unknown_once_is_unknown_for_the_episode() -> None:
    row = finished_episode(state_of(attempt(0, 0, 0, 0.5), attempt(1, 0, 0, None)), wall_s=0.0, finished_at=0.0)
    assert row["cost_usd"] is None


def test_an_episode_in_which_the_model_declined_says_so() -> None:
    row = finished_episode(state_of(attempt(0, 0, 0, 0.0, "declined")), wall_s=0.0, finished_at=0.0)
    assert row["outcome"]["declined"] is True
    assert row["solved"] == 0


def test_effort_adds_up_over_the_attempts_and_its_limit_is_that_of_all_that_may_be_made() -> None:
    tries = [{**attempt(i, i, 2 * i, 0.0), "effort": {"tried": 10 + i, "limit": 100}} for i in (0, 1)]
    row = finished_episode(state_of(*tries), wall_s=0.0, finished_at=0.0)
    assert row["outcome"].get("effort") == {"tried": 21, "limit": 300}


def test_effort_that_one_attempt_does_not_report_is_unknown() -> None:
    known = {**attempt(0, 0, 0, 0.0), "effort": {"tried": 10, "limit": 100}}
    row = finished_episode(state_of(known, attempt(1, 1, 2, 0.0)), wall_s=0.0, finished_at=0.0)
    assert "effort" not in row["outcome"]


def test_what_a_review_cost_is_part_of_the_episode() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "cost_usd": 0.125, "model_s": 2.0}
    state: Any = state_of(attempt(0, 1, 2, 0.5))
    state["review"]["opinion"] = {"calls": [{"usage": usage}, {"usage": usage}]}
    row = finished_episode(state, wall_s=0.0, finished_at=0.0)
    assert (row["prompt_tokens"], row["completion_tokens"], row["cost_usd"], row["model_s"]) == (210, 17, 0.75, 5.5)
