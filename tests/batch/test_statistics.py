import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.statistics import clustered, pass_at_k, wilson

TRIALS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@pytest.mark.parametrize(("n", "c", "k"), [(5, 2, 1), (5, 2, 3), (6, 1, 2), (4, 0, 2), (4, 4, 1), (3, 2, 2)])
def test_pass_at_k_is_the_share_of_choices_of_k_with_a_passing_one(n: int, c: int, k: int) -> None:
    choices = list(combinations([1] * c + [0] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(any(choice) for choice in choices) / len(choices))


@given(trials=TRIALS)
def test_pass_at_1_is_the_plain_rate_and_more_samples_never_hurt(trials: tuple[int, int]) -> None:
    n, c = trials
    assert pass_at_k(n, c, 1) == pytest.approx(c / n)
    values = [pass_at_k(n, c, k) for k in range(1, n + 1)]
    assert values == sorted(values)
    assert values[-1] == (1.0 if c else 0.0)


def test_many_samples_do_not_overflow() -> None:
    assert pass_at_k(10_000, 1, 5_000) == pytest.approx(0.5)


@pytest.mark.parametrize(("n", "c", "k"), [(1, 2, 1), (1, -1, 1), (1, 1, 2), (1, 1, 0)])
def test_figures_that_cannot_be_are_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"pass@{k} of {c} in {n}"):
        pass_at_k(n, c, k)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (0, 0, 0.0, 1.0)],
)
def test_wilsons_interval_is_that_of_the_tables(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-4)  # Newcombe 1998, method 3


@given(trials=TRIALS)
def test_an_interval_holds_the_rate_and_stays_in_bounds(trials: tuple[int, int]) -> None:
    n, successes = trials
    low, high = wilson(successes, n)
    assert 0.0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1.0


@given(rates=st.lists(st.floats(0, 1), max_size=30))
def test_the_interval_over_tasks_holds_their_mean_and_stays_in_bounds(rates: list[float]) -> None:
    low, high = clustered(rates)
    assert 0.0 <= low <= high <= 1.0
    if rates:
        assert low - 1e-9 <= math.fsum(rates) / len(rates) <= high + 1e-9


def test_repeats_of_few_tasks_do_not_narrow_the_interval_over_tasks() -> None:
    assert clustered([0.0, 1.0]) == (0.0, 1.0)
    assert clustered([0.5]) == (0.0, 1.0)
    assert clustered([1.0, 1.0, 1.0]) == wilson(3, 3), "all alike is no certainty"
