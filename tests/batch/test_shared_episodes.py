"""Runs of one home that need the same episodes: whole processes, and a model that notes what it is asked."""

import os
import subprocess
from collections import Counter
from pathlib import Path

from benchmarks.kills import command
from benchmarks.loopback_model import LoopbackModel, write_tasks
from checkpoints.ledger import Ledger
from storage.engine import open_home

TASKS = 12


def test_an_episode_that_several_runs_need_is_executed_by_one_of_them(tmp_path: Path, either_database: str) -> None:
    tasks, folder = write_tasks(tmp_path / "tasks.jsonl", TASKS), tmp_path / "home"
    open_home(folder, either_database).close()
    with LoopbackModel(delay_s=0.2).serving() as model:
        start = [*command(tasks, folder, model.base_url), "--no-memory", "--concurrency", "4", "--batch-size"]
        runs = [
            subprocess.Popen(
                [*start, str(size)],
                env={**os.environ, "RATCHET_DATABASE_URL": either_database},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for size in (50, 60)
        ]
        said = [run.communicate(timeout=120)[1].decode() for run in runs]

    assert [run.returncode for run in runs] == [0, 0], said
    assert set(Counter(model.requests).values()) == {1}
    home = open_home(folder, either_database)
    ledger = Ledger(home)
    assert [len(ledger.episodes_of(run["run_id"])) for run in ledger.runs()] == [TASKS] * 2
    home.close()
