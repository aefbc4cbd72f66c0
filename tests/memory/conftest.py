"""A home of its own for every test, and a clock that stands still until it is moved."""

from collections.abc import Iterator

import pytest

from memory.recall import Recall
from memory.records import Records
from storage.engine import Home


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def records(home: Home, clock: Clock) -> Records:
    return Records(home, now=clock)


@pytest.fixture
def recall(home: Home) -> Iterator[Recall]:
    opened = Recall(home, now=lambda: 1000.0)
    yield opened
    opened.close()
