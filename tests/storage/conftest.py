"""Everything here holds on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.engine import Home, open_home


@pytest.fixture
def database_url(either_database: str) -> str:
    return either_database


@pytest.fixture
def sqlite_home(tmp_path: Path) -> Iterator[Home]:
    """Open an empty home with a file, for what holds of files alone."""
    opened = open_home(tmp_path / "home")
    yield opened
    opened.close()
