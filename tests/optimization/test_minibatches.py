from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.minibatches import epoch_permutation, minibatch

TASKS = [f"t{i}" for i in range(10)]


def test_an_epoch_begins_with_every_task_once() -> None:
    first = [d.task_id for i in range(5) for d in minibatch(TASKS, seed=7, iteration=i, first=2, count=2)]

    assert sorted(first) == sorted(TASKS)
    assert first == epoch_permutation(TASKS, seed=7, epoch=0)
    second = [d.task_id for i in range(5, 10) for d in minibatch(TASKS, seed=7, iteration=i, first=2, count=2)]
    assert sorted(second) == sorted(TASKS)
    assert second != first


@given(iteration=st.integers(0, 40), first=st.integers(1, 13), small=st.integers(0, 40), more=st.integers(0, 40))
def test_growth_goes_on_where_the_smaller_minibatch_ended(iteration: int, first: int, small: int, more: int) -> None:
    grown = minibatch(TASKS, seed=1, iteration=iteration, first=first, count=small + more)

    assert grown[:small] == minibatch(TASKS, seed=1, iteration=iteration, first=first, count=small)
    assert len(set(grown)) == len(grown)
    counts = Counter(draw.task_id for draw in grown)
    assert max(counts.values(), default=0) <= min((counts[t] for t in TASKS), default=0) + 1


def test_the_order_of_the_task_file_does_not_matter_and_the_seed_does() -> None:
    assert epoch_permutation(TASKS, seed=1, epoch=3) == epoch_permutation(TASKS[::-1], seed=1, epoch=3)
    assert epoch_permutation(TASKS, seed=1, epoch=3) != epoch_permutation(TASKS, seed=2, epoch=3)


def test_no_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 tasks"):
        minibatch([], seed=1, iteration=0, first=1, count=1)
