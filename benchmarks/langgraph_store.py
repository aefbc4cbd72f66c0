"""Run LangGraph's own store tests against our store.

    pip download --no-deps --no-binary :all: langgraph-checkpoint==4.3.2 langgraph-checkpoint-sqlite==3.1.2
    tar xzf langgraph_checkpoint-*.tar.gz; tar xzf langgraph_checkpoint_sqlite-*.tar.gz
    pip install pytest-mock pytest-asyncio pytest-retry
    python -m benchmarks.langgraph_store langgraph_checkpoint-4.3.2 langgraph_checkpoint_sqlite-3.1.2

The tests stay as they are. As a pytest plugin this module puts `RatchetStore` in the place of `InMemoryStore`,
`SqliteStore` and `AsyncSqliteStore`; what it leaves out, and why, is in LEFT_OUT.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from memory.langgraph_store import RatchetStore
from storage.engine import open_home

FILES = ("test_store.py", "test_ttl.py", "test_async_store.py")
LEFT_OUT = {
    "test_vector_store_initialization": "looks into SqliteStore's tables and fields",
    "test_nonnull_migrations": "is about SqliteStore's migrations",
    "test_escape_glob_literal": "is about a function of SqliteStore's",
    "test_namespace_match_pattern": "is about a function of SqliteStore's",
    "test_list_namespaces_prefix_uses_indexable_condition": "reads SqliteStore's SQL",
    "test_sql_injection_vulnerability": "wants a field that SQL cannot hold to be refused: here it is a field as any",
    "test_no_running_loop": "wants functions to be refused where coroutines run: here they work",
}


class Store(RatchetStore):
    """Our store as InMemoryStore and SqliteStore are opened."""

    MIGRATIONS: Sequence[str] = ()

    def __init__(self, *, index: Any = None, ttl: Any = None, folder: Path | None = None) -> None:
        super().__init__(open_home(folder or Path(tempfile.mkdtemp())), index=index, ttl=ttl)

    @classmethod
    @contextmanager
    def from_conn_string(cls, conn_string: str, *, index: Any = None, ttl: Any = None) -> Iterator["Store"]:
        """Open a home beside the file."""
        store = cls(index=index, ttl=ttl, folder=_folder(conn_string))
        yield store
        store.close()

    def setup(self) -> None:
        """Do nothing: an open store is set up."""


class AsyncStore(Store):
    """Our store as AsyncSqliteStore is opened, with its coroutines in the place of functions."""

    @classmethod
    @asynccontextmanager
    async def from_conn_string(cls, conn_string: str, *, index: Any = None, ttl: Any = None) -> AsyncIterator["Store"]:  # type: ignore[override]
        """Open a home beside the file."""
        store = cls(index=index, ttl=ttl, folder=_folder(conn_string))
        yield store
        store.close()

    async def setup(self) -> None:  # type: ignore[override]
        """Do nothing: an open store is set up."""

    async def sweep_ttl(self) -> int:  # type: ignore[override]
        """Delete what has expired."""
        return super().sweep_ttl()

    async def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> None:  # type: ignore[override]
        """Sweep again and again."""
        super().start_ttl_sweeper(sweep_interval_minutes)

    async def stop_ttl_sweeper(self) -> None:  # type: ignore[override]
        """End the sweeping."""
        super().stop_ttl_sweeper()


def _folder(conn_string: str) -> Path | None:
    return None if conn_string == ":memory:" else Path(f"{conn_string}-home")


def pytest_configure() -> None:
    """Put our store in the place of theirs before the tests import it."""
    import langgraph.store.memory
    import langgraph.store.sqlite
    import langgraph.store.sqlite.aio

    vars(langgraph.store.memory)["InMemoryStore"] = Store
    vars(langgraph.store.sqlite)["SqliteStore"] = Store
    for module in (langgraph.store.sqlite, langgraph.store.sqlite.aio):
        vars(module)["AsyncSqliteStore"] = AsyncStore


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is not about a store's behaviour."""
    for item in items:
        reason = LEFT_OUT.get(getattr(item, "originalname", item.name))
        if reason and "sqlite" in str(item.path):
            item.add_marker(pytest.mark.skip(reason=reason))


def main() -> None:
    """Run the tests of each unpacked package; exit as the worst of them did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="+", type=Path)
    worst = 0
    for package in parser.parse_args().packages:
        files = [f"tests/{name}" for name in FILES if (package / "tests" / name).exists()]
        options = [
            "-p",
            "benchmarks.langgraph_store",
            "-o",
            "asyncio_mode=auto",
            "-q",
            "-rs",
            "-W",
            "ignore",
            "--no-header",
        ]
        command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", ".", *options, *files]
        print(package.name, flush=True)
        worst = max(worst, subprocess.run(command, cwd=package, check=False).returncode)
    sys.exit(worst)


if __name__ == "__main__":
    main()
