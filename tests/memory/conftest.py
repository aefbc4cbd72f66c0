"""A home of its own for every test, with a clock that stands still."""

from collections.abc import Iterator

import pytest

from memory.recall import Recall
from memory.records import Records
from storage.engine import Home


@pytest.fixture
def records(home: Home) -> Records:
    return Records(home, now=lambda: 1000.0)


@pytest.fixture
def recall(home: Home) -> Iterator[Recall]:
    opened = Recall(home, now=lambda: 1000.0)
    yield opened
    opened.close()
