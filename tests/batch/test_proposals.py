"""Whole series of proposals by the offline model."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batch.proposals import Wanted, known_tasks_of, plan_series, propose_tasks
from checkpoints.care import saved_threads
from runtime.build import open_services
from runtime.settings import load_settings
from storage.keys import KEY_VARIABLE, new_key
from tasks.load import load_tasks
from workbench import Workbench, prune


def series_of(home: Path, count: int, most: int = 8, known: tuple[str, ...] = ()) -> Any:
    """Run a series to its end, as `ratchet propose` does, without looking at how hard the tasks are."""
    services = open_services(load_settings(home=home, budget=2_000))
    try:
        wanted = Wanted(count=count, most=most, tries=0)
        return propose_tasks(plan_series(wanted, known_tasks_of(known), services), services)
    finally:
        services.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proposals")


@pytest.fixture(scope="module")
def first(home: Path) -> Any:
    """Run a series of three tasks."""
    return series_of(home, 3)


def test_a_series_gives_a_task_file_with_as_many_different_tasks_as_wanted(first: Any) -> None:
    tasks = load_tasks(first.file).tasks
    assert len({task["entry_point"] for task in tasks}) == 3
    assert all(sum(test["visible"] for test in task["tests"]) in (3, 4, 5) for task in tasks)


def test_tasks_that_are_known_are_refused(first: Any, tmp_path: Path) -> None:
    second = series_of(tmp_path, 3, known=(str(first.file),))
    names = [{line["entry_point"] for line in result.lines} for result in (first, second)]
    assert names[1]
    assert not names[0] & names[1]


def test_a_series_that_is_killed_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    whole = series_of(tmp_path / "whole", 17, most=17)  # a batch of 16, and one more
    command = [sys.executable, "-m", "cli", "propose", "--count", "17", "--most", "17", "--tries", "0", "--home"]
    environment = {"RATCHET_BUDGET": "2000", "PATH": "/usr/bin:/bin"}
    killed = subprocess.Popen(
        [*command, str(tmp_path / "killed")],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert killed.stderr is not None
    for line in killed.stderr:
        if "proposed" in line:  # the first batch is done
            killed.send_signal(signal.SIGKILL)
            break
    killed.communicate()
    again = series_of(tmp_path / "killed", 17, most=17)
    assert again.series == whole.series
    assert again.file.read_text() == whole.file.read_text()
    assert again.progress == whole.progress


def test_a_finished_series_is_only_read(first: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes.propose.draft_in", None)
    assert series_of(home, 3).progress == first.progress


def test_a_finished_series_is_read_from_its_record_when_its_checkpoints_were_pruned(first: Any, home: Path) -> None:
    with Workbench(home) as bench:
        assert prune(bench, keep=0).threads
    again = series_of(home, 3)
    assert (again.lines, again.progress) == (first.lines, first.progress)
    with Workbench(home) as bench:
        assert saved_threads(bench.saver) == [], "nothing was asked again"


def test_an_encrypted_home_reads_a_finished_series_too_and_keeps_no_file_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    first = series_of(tmp_path / "home", 1)
    with Workbench(tmp_path / "home") as bench:
        assert prune(bench, keep=0).threads
    again = series_of(tmp_path / "home", 1)
    assert (again.lines, again.progress, again.file) == (first.lines, first.progress, None)
    with Workbench(tmp_path / "home") as bench:
        assert saved_threads(bench.saver) == [], "nothing was asked again"
    name = first.lines[0]["entry_point"].encode()
    assert not any(name in file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file())
