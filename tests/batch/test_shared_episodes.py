"""Runs of one home that need the same episodes: whole processes, and a model that notes what it is asked."""

import os
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Signal

from batch.loop import LearningRun, plan_run
from batch.progress import ProgressTracker
from benchmarks.kills import command
from benchmarks.loopback_model import LoopbackModel, write_tasks
from checkpoints.ledger import Ledger
from runtime.build import open_services
from runtime.settings import load_settings
from storage.engine import open_home
from tasks.load import load_tasks
from telemetry.events import Event, Sink

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


def test_an_episode_that_another_run_is_at_work_on_is_put_aside_and_taken_over_from_it(tmp_path: Path) -> None:
    asked, go_on = Signal(), Signal()
    held, quick = ProgressTracker(), ProgressTracker()
    kinds: list[str] = []

    def delay() -> float:
        if not asked.is_set():
            asked.set()
            go_on.wait()
        return 0.0

    def until_it_comes_back_to_it(event: Event) -> None:
        quick(event)
        kinds.append(event["kind"])
        if kinds.count("episode_put_aside") == 2:
            go_on.set()

    with LoopbackModel(delay).serving() as model, ThreadPoolExecutor(1) as other:
        first = other.submit(run_one_at_a_time, tmp_path / "held.jsonl", model, held, batch_size=50)
        try:
            assert asked.wait(timeout=120)
            run_one_at_a_time(tmp_path / "quick.jsonl", model, until_it_comes_back_to_it, batch_size=60)
        finally:
            go_on.set()
        first.result()

    assert set(Counter(model.requests).values()) == {1}
    second = kinds.index("episode_put_aside", kinds.index("episode_put_aside") + 1)
    assert kinds[:second].count("episode_finished") == TASKS - 2  # the rest of the train tasks
    assert [held.counts.finished, quick.counts.finished] == [TASKS, TASKS]
    assert held.counts.reused + quick.counts.reused == TASKS  # of the twelve, each was new to one of the two


def run_one_at_a_time(tasks: Path, model: LoopbackModel, events: Sink, **given: int) -> None:
    """Run the tasks to the end, on the home beside their file."""
    settings = load_settings(
        model="openai:adder", base_url=model.base_url, home=tasks.parent / "home", memories=0, concurrency=1, **given
    )
    services = open_services(settings)
    plan = plan_run(settings, load_tasks(write_tasks(tasks, TASKS)).tasks, "tasks.jsonl", services)
    learning = LearningRun(plan, services, events)
    learning.drive()
    learning.close()
    services.close()
