import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.budget import charged, checked_budget, shortage, total_spent

ROLLOUTS = st.lists(st.tuples(st.sampled_from(["minibatch", "validation"]), st.integers(1, 9)), max_size=30)


@given(spends=ROLLOUTS, limit=st.integers(0, 60))
def test_asking_before_each_spend_never_overshoots(spends: list[tuple[str, int]], limit: int) -> None:
    spend, budget = {}, checked_budget({"rollouts": limit})
    for purpose, rollouts in spends:
        if not shortage(spend, budget, {"rollouts": rollouts}):
            spend = charged(spend, purpose, {"rollouts": rollouts})

    assert total_spent(spend)["rollouts"] <= limit


def test_spend_says_what_was_spent_on_what_and_survives_json() -> None:
    spend = charged({}, "reflection", {"model_calls": 1, "tokens": 900, "cost_usd": 0.01})
    later = charged(spend, "minibatch", {"rollouts": 12, "model_calls": 15, "cost_usd": 0.2, "seconds": 3.5})

    assert json.loads(json.dumps(later)) == later
    assert later["reflection"] == {"model_calls": 1, "tokens": 900, "cost_usd": 0.01}
    assert total_spent(later)["cost_usd"] == pytest.approx(0.21)
    assert spend == {"reflection": {"model_calls": 1, "tokens": 900, "cost_usd": 0.01}}


def test_a_shortage_names_the_limit_and_the_numbers() -> None:
    spend = charged({}, "minibatch", {"rollouts": 96, "tokens": 100})

    assert shortage(spend, {"rollouts": 100, "tokens": 1000}, {"rollouts": 6}) == "rollouts: 96 of 100 spent, 6 needed"
    assert shortage(spend, {"rollouts": 100}, {"rollouts": 4}) == ""
    assert shortage(spend, {"seconds": 0}, {"rollouts": 4}) == "seconds: 0 of 0 spent, 0 needed"


def test_a_limit_on_money_is_not_pretended_to_hold_when_prices_are_unknown() -> None:
    spend = charged({}, "minibatch", {"model_calls": 3, "cost_usd": None})

    assert total_spent(spend)["unpriced"] == 3
    assert "price" in shortage(spend, {"cost_usd": 5.0}, {"rollouts": 1})
    assert "price" in shortage({}, {"cost_usd": 5.0}, {"cost_usd": None})
    assert shortage(spend, {"rollouts": 5}, {"rollouts": 1}) == ""


@pytest.mark.parametrize(("limits", "word"), [({"rolouts": 1}, "rolouts"), ({"tokens": -1}, "tokens")])
def test_a_wrong_limit_is_refused_by_name(limits: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        checked_budget(limits)
