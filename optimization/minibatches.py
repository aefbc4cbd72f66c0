"""Which tasks a comparison uses: consecutive pieces of a seeded permutation, one permutation per epoch."""

from collections.abc import Collection
from functools import lru_cache
from random import Random
from typing import NamedTuple


class Draw(NamedTuple):
    """A task and the repeat of it, from 0."""

    task_id: str
    repeat: int


def epoch_permutation(task_ids: Collection[str], *, seed: int, epoch: int) -> list[str]:
    """Return the tasks in this epoch's order: a function of (set of tasks, seed, epoch)."""
    return list(_permutation(tuple(sorted(set(task_ids))), seed, epoch))


def minibatch(task_ids: Collection[str], *, seed: int, iteration: int, first: int, count: int) -> list[Draw]:
    """Return the tasks of an iteration's comparison, grown to `count`.

    Iterations of an epoch start `first` tasks apart, so that an epoch begins with every task once. Growth goes on where
    the smaller minibatch ended and wraps around in the same permutation: a smaller minibatch is a prefix of a
    larger one, and no task comes again, as a further repeat, before all have come. Raises ValueError when there is
    no task or a number is out of range.
    """
    tasks = len(set(task_ids))
    if not tasks or first < 1 or count < 0 or iteration < 0:
        raise ValueError(f"no minibatch of {count} (first {first}) from {tasks} tasks in iteration {iteration}")
    epoch, piece = divmod(iteration, -(-tasks // first))
    order = epoch_permutation(task_ids, seed=seed, epoch=epoch)
    start = piece * first
    return [Draw(order[(start + k) % tasks], k // tasks) for k in range(count)]


@lru_cache(maxsize=16)  # an epoch's order is asked for by every iteration of it
def _permutation(task_ids: tuple[str, ...], seed: int, epoch: int) -> tuple[str, ...]:
    order = list(task_ids)
    Random(f"{seed}:minibatch:{epoch}").shuffle(order)
    return tuple(order)
