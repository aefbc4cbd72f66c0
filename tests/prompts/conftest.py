"""Everything here holds on both databases."""

import pytest


@pytest.fixture
def database_url(either_database: str) -> str:
    return either_database
