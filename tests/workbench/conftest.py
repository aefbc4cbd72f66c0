"""A home with one small run in it, made once and copied for every test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.loop import LearningRun, plan_run
from benchmarks.loopback_model import LoopbackModel, write_tasks
from runtime.build import open_services
from runtime.settings import load_settings
from state.ledger import FinishedEpisode
from tasks.load import load_tasks
from workbench.bench import Workbench


@pytest.fixture(scope="session")
def adder() -> Iterator[LoopbackModel]:
    with LoopbackModel().serving() as model:
        yield model


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory, adder: LoopbackModel) -> Path:
    """Run the add tasks once: 10 episodes in two batches, some with a repair, one held out."""
    folder = tmp_path_factory.mktemp("recorded")
    settings = load_settings(model="openai:adder", base_url=adder.base_url, home=folder / "home", batch_size=6)
    services = open_services(settings)
    try:
        loaded = load_tasks(write_tasks(folder / "tasks.jsonl", 10))
        learning = LearningRun(plan_run(settings, loaded.tasks, "tasks.jsonl", services), services)
        try:
            learning.drive()
        finally:
            learning.close()
    finally:
        services.close()
    return folder / "home"


@pytest.fixture
def bench(recorded: Path, tmp_path: Path) -> Iterator[Workbench]:
    """Open a copy of the home."""
    shutil.copytree(recorded, tmp_path / "home")
    with Workbench(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def run_id(bench: Workbench) -> str:
    return bench.ledger.runs()[0]["run_id"]


@pytest.fixture
def episodes(bench: Workbench, run_id: str) -> dict[str, FinishedEpisode]:
    """Give the run's results by task."""
    return {row["task_id"]: row for _, row in bench.ledger.episodes_of(run_id)}
