"""The notebooks run top to bottom without a network, and show what is checked in with them."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager

from notebooks.refresh import NOTEBOOKS, executed, kernel, shape

ROOT = Path(__file__).parent.parent
MOST_BYTES = 100_000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    """Start one kernel for all of them: what it costs is the imports."""
    with kernel(tmp_path_factory.mktemp("notebooks")) as manager:
        yield manager


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_the_kinds_of_things_that_are_checked_in(path: Path, shared: KernelManager) -> None:
    stored = nbformat.read(path, as_version=4)

    assert shape(executed(path, shared)) == shape(stored), "run `make notebooks` and look at what changed"
    assert any(shape(stored)), "checked in without outputs: run `make notebooks`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_tells_nothing_of_the_machine_that_ran_it(path: Path) -> None:
    text = path.read_text("utf-8")

    assert len(text) < MOST_BYTES
    assert not [word for word in ("/tmp/", "/root/", "/home/", str(ROOT), "Traceback") if word in text]
    assert nbformat.validate(nbformat.read(path, as_version=4)) is None


def test_the_readme_names_every_notebook() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    assert [path.name for path in NOTEBOOKS if f"notebooks/{path.name}" not in readme] == []
