import math

import pytest

from optimization.intervals import paired_difference, student95


@pytest.mark.parametrize(("freedom", "quantile"), [(2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (100, 1.984)])
def test_the_quantile_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    assert student95(freedom) == pytest.approx(quantile, rel=0.01)


def test_the_interval_is_that_of_the_paired_differences() -> None:
    found = paired_difference([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 2.0])
    assert found.mean == 1.0
    assert found.high == pytest.approx(1 + 3.182 * 0.8165 / 2, rel=0.01)
    assert found.low < 0
    assert paired_difference([0.0] * 4, [1.0] * 4).low == 1.0


def test_two_pairs_exclude_nothing() -> None:
    assert paired_difference([0.0, 0.0], [1.0, 1.0]).low == -math.inf
