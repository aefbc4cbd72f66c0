"""Scores of rollouts."""

from typing import Any

import pytest

from checkpoints.ledger import Paid
from runtime.rollouts import cost_of, score_of
from state.errors import SetupError


def test_effort_is_scored_by_its_logarithm_and_an_unsolved_task_as_twice_the_limit(finished_of: Any) -> None:
    def row(tried: int, solved: int) -> Any:
        one = finished_of("e", solved=solved)
        return {**one, "outcome": {**one["outcome"], "effort": {"tried": tried, "limit": 512}}}

    assert [score_of(row(tried, 1)) for tried in (1, 2, 512)] == pytest.approx([1.0, 0.9, 0.1])
    assert score_of(row(1, 0)) == 0.0
    assert score_of(row(512, 0), "solved") == 0.0
    assert score_of(row(1, 1), "reward") == 1.0


def test_without_effort_the_reward_counts_and_asking_for_effort_is_refused(finished_of: Any) -> None:
    assert score_of(finished_of("e", reward=0.25)) == 0.25
    with pytest.raises(SetupError, match="does not report its effort"):
        score_of(finished_of("e"), "effort")


def test_a_price_that_is_unknown_once_is_unknown_for_all_and_seconds_are_added_up() -> None:
    paid = [Paid(1, 110, 0.5, 2.0), Paid(1, 110, None, 2.5)]
    assert cost_of(paid) == {
        "rollouts": 2, "model_calls": 2, "tokens": 220, "cost_usd": None, "seconds": 4.5
    }  # fmt: skip
    assert cost_of(paid[:1])["cost_usd"] == 0.5
