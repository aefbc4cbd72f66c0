"""Whole series of proposals by the offline model."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batch.proposals import Wanted, known_tasks_of, plan_series, propose_tasks
from runtime.build import open_services
from runtime.settings import load_settings
from tasks.load import load_tasks


def series_of(home: Path, count: int, known: tuple[str, ...] = (), **given: Any) -> Any:
    """Run a series to its end, as `ratchet propose` does, without looking at how hard the tasks are."""
    services = open_services(load_settings(home=home, budget=2_000, **given))
    try:
        wanted = Wanted(count=count, most=32, tries=0)
        return propose_tasks(plan_series(wanted, known_tasks_of(known), services), services)
    finally:
        services.close()


def test_a_series_gives_a_task_file_with_as_many_different_tasks_as_wanted(tmp_path: Path) -> None:
    result = series_of(tmp_path / "home", 5)
    tasks = load_tasks(result.file).tasks
    assert len({task["entry_point"] for task in tasks}) == 5
    assert all(sum(test["visible"] for test in task["tests"]) in (3, 4, 5) for task in tasks)


def test_tasks_that_are_known_are_refused(tmp_path: Path) -> None:
    first = series_of(tmp_path / "one", 5)
    second = series_of(tmp_path / "two", 5, known=(str(first.file),))
    names = [{line["entry_point"] for line in result.lines} for result in (first, second)]
    assert not names[0] & names[1]


def test_a_series_that_is_killed_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    whole = series_of(tmp_path / "whole", 20)
    command = [sys.executable, "-m", "cli", "propose", "--count", "20", "--most", "32", "--tries", "0", "--home"]
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
    again = series_of(tmp_path / "killed", 20)
    assert again.series == whole.series
    assert again.file.read_text() == whole.file.read_text()
    assert again.progress == whole.progress


def test_a_finished_series_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = series_of(tmp_path / "home", 3)
    monkeypatch.setattr("nodes.propose.draft_in", None)
    assert series_of(tmp_path / "home", 3).progress == first.progress
