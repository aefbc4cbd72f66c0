"""Prompt optimisation as a step of the learning loop."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch.loop import LearningRun, plan_run
from batch.optimisation_summary import summarise_optimisation
from benchmarks.loopback_model import LoopbackModel, add_tasks
from checkpoints.savers import close_saver, open_saver
from checkpoints.threads import thread_config
from runtime.build import open_services
from runtime.settings import load_settings
from state.errors import SetupError
from tasks.load import load_tasks

OPTIMISER = {"proposers": ["benchmarks.planted:propose_rule"], "iterations": 1, "gate_first": 2, "gate_cap": 2}


@pytest.fixture
def adder() -> Iterator[LoopbackModel]:
    with LoopbackModel().serving() as model:
        yield model


def tasks_in(folder: Path, validation: int) -> Path:
    """Write ten tasks, the first few of them for validation."""
    tasks = [
        {**task, "split": "validation" if n < validation else task["split"]} for n, task in enumerate(add_tasks(10))
    ]
    path = folder / "tasks.jsonl"
    path.write_text("".join(json.dumps(task) + "\n" for task in tasks), encoding="utf-8")
    return path


def settings_for(folder: Path, adder: LoopbackModel) -> Any:
    return load_settings(
        model="openai:adder", base_url=adder.base_url, home=folder / "home", batch_size=3, optimise_every=3,
        attempts=1, optimiser=OPTIMISER,
    )  # fmt: skip


def test_prompts_are_optimised_every_so_many_episodes_and_the_run_goes_on(tmp_path: Path, adder: LoopbackModel) -> None:
    settings = settings_for(tmp_path, adder)
    services = open_services(settings)
    learning = LearningRun(plan_run(settings, load_tasks(tasks_in(tmp_path, 3)).tasks, "t", services), services)
    try:
        state = learning.drive()
        found = [row["run_id"] for row in services.ledger.runs() if row["run_id"].startswith("opt-")]
        summaries = [
            summarise_optimisation(services.ledger, services.optimisations, services.prompts, one) for one in found
        ]
        saver = open_saver(services.home)
        thread = thread_config(f"{learning.run.run_id}:optimise_prompts:000003", "")
        own_thread = saver.get_tuple(thread)
        close_saver(saver)
        memories = {row["outcome"]["remembered"] == [] for s in found for _, row in services.ledger.episodes_of(s)}
    finally:
        learning.close()
        services.close()

    assert state["progress"]["episodes"] == 6
    assert own_thread is not None
    assert len(found) == 2
    assert all(len(summary.iterations) == 1 and summary.ending for summary in summaries)
    assert state["prompt_set"] == learning.run.prompt_set, "two pairs are no evidence"
    assert memories == {True}, "rollouts teach nothing"


def test_without_validation_tasks_nothing_could_decide(tmp_path: Path, adder: LoopbackModel) -> None:
    settings = settings_for(tmp_path, adder)
    services = open_services(settings)
    try:
        with pytest.raises(SetupError, match="no validation tasks: --optimise-every needs some"):
            plan_run(settings, load_tasks(tasks_in(tmp_path, 0)).tasks, "t", services)
    finally:
        services.close()
