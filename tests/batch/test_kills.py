"""Runs that are killed: whole processes, real signals, a model on loopback that counts what it is asked."""

import random
import signal
import subprocess
from pathlib import Path

from benchmarks.kills import command, killed_run, ledger_rows, memory_rows
from benchmarks.loopback_model import LoopbackModel, write_tasks


def test_a_run_that_is_killed_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path / "tasks.jsonl", 40)
    with LoopbackModel(delay_s=0.1).serving() as model:
        subprocess.run(command(tasks, tmp_path / "whole", model.base_url), check=True, capture_output=True)
        again = killed_run(tasks, tmp_path / "killed", model, 2, random.Random(1))

    assert again == 0, "finished episodes were executed again"
    assert ledger_rows(tmp_path / "killed") == ledger_rows(tmp_path / "whole")
    assert memory_rows(tmp_path / "killed") == memory_rows(tmp_path / "whole")


def test_ctrl_c_ends_the_run_with_130_and_says_how_to_continue(tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path / "tasks.jsonl", 200)
    with LoopbackModel(delay_s=0.1).serving() as model:
        run = subprocess.Popen(
            command(tasks, tmp_path / "home", model.base_url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not model.requests and run.poll() is None:
            pass
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)

    assert run.returncode == 130
    assert "Run the same command again to continue" in said
    assert "Traceback" not in said
