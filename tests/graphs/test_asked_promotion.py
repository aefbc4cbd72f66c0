"""A person decides what is promoted: asked in one process, answered in another, nothing run twice."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch.loop import LearningRun, plan_run
from benchmarks.planted import PlantedRunner, planted_tasks
from checkpoints.history import history, values_of, waiting_nodes
from cli.main import app
from runtime.build import open_services
from runtime.settings import load_settings
from state.errors import SetupError, WaitingError
from tasks.load import load_tasks
from tests.graphs.conftest import PROPOSER
from workbench import Workbench, answer, answer_promotion, pending

ASKING = {"asks": True, "iterations": 30, "patience": 10}

ANSWER_AND_DIE = """
import os, signal, sys
from prompts.registry import PromptRegistry

def die(*_given):
    os.kill(os.getpid(), signal.SIGKILL)

PromptRegistry.add_evidence = die  # the promotion is noted, and not yet done
from workbench import Workbench, answer_promotion
answer_promotion(Workbench(sys.argv[1]), sys.argv[2], approve=True)
"""


@pytest.fixture
def waits(optimisation: Any, tmp_path: Path) -> str:
    """Run an optimisation until it asks; return its id."""
    with optimisation(**ASKING) as (run, _, services):
        with pytest.raises(WaitingError, match="waits for an answer"):
            run.drive()
        assert services.prompts.chosen(0.0) == run.plan.ref["prompt_set"], "nothing is promoted before the answer"
        return str(run.plan.run_id)


def test_an_optimisation_asks_before_it_promotes_and_asks_again_without_running_anything(
    waits: str, optimisation: Any, tmp_path: Path
) -> None:
    with Workbench(tmp_path / "home") as bench:
        [[name, about, run_id, before, _]] = pending(bench).rows()
        assert (name, run_id, before) == (waits, waits, "promote")
        assert "validation +" in about
        assert waiting_nodes(history(bench.saver, waits)[-1]) == ["promote"]
        with pytest.raises(SetupError, match="is an optimisation"):
            answer(bench, waits)
    with optimisation(**ASKING) as (run, runner, _):
        with pytest.raises(WaitingError):
            run.drive()
        assert runner.executed == []


def test_an_approved_promotion_is_done_at_once_and_is_a_recorded_decision(waits: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        app(["answer", waits, "--approve", "--home", str(tmp_path / "home")])
    assert end.value.code in (0, None)
    with Workbench(tmp_path / "home") as bench:
        state = values_of(history(bench.saver, waits)[-1])
        assert state["decision"]["approved"]
        assert state["ending"]["promoted"] == bench.services.prompts.chosen(0.0) != state["optimization"]["prompt_set"]
        assert pending(bench).questions == []


def test_a_rejected_promotion_changes_nothing_and_the_report_says_who_refused(waits: str, tmp_path: Path) -> None:
    with Workbench(tmp_path / "home") as bench:
        found = answer_promotion(bench, waits, approve=False)
        assert found is not None
        assert found.verdict_line.startswith("nothing promoted, a person refused it: validation +")
        assert bench.services.prompts.chosen(0.0) == found.candidates[0].prompt_set
        assert pending(bench).questions == []


def test_an_answer_outlives_a_kill_and_the_same_command_completes_it(
    waits: str, optimisation: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = subprocess.run([sys.executable, "-c", ANSWER_AND_DIE, str(home), waits], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    with optimisation(**ASKING) as (run, runner, services):
        state = run.drive()
        assert runner.executed == []
        assert services.prompts.chosen(0.0) == state["ending"]["promoted"] != run.plan.ref["prompt_set"]
        assert services.questions.open() == []


def test_a_learning_run_stops_before_a_promotion_and_goes_on_when_it_is_answered(tmp_path: Path) -> None:
    first = learn(tmp_path, match="waits for an answer")
    with Workbench(tmp_path / "home") as bench:
        [[name, _, run_id, _, _]] = pending(bench).rows()
        assert name.startswith("opt-")
        assert run_id.startswith("run-")
        assert {row["run_id"]: row["status"] for row in bench.ledger.runs()}[name] == "stopped"
        assert answer_promotion(bench, name, approve=True) is None, "the run's own command goes on with it"
    second = learn(tmp_path)
    with Workbench(tmp_path / "home") as bench:
        state = values_of(history(bench.saver, run_id)[-1])
        asked = values_of(history(bench.saver, f"{run_id}:optimise_prompts:000160")[-1])
        assert state["prompt_set"] == asked["ending"]["promoted"] != asked["optimization"]["prompt_set"]
        assert pending(bench).questions == []
    assert not set(first) & set(second), "nothing is run twice"


def learn(folder: Path, match: str = "") -> list[str]:
    """Drive a learning run over planted tasks with one optimisation; return what was executed."""
    optimiser = {"proposers": [PROPOSER], "gate_cap": 160, "iterations": 30, "patience": 10}
    settings = load_settings(
        home=folder / "home",
        seed=3,
        batch_size=160,
        optimise_every=160,
        optimiser=optimiser,
        ask=["promote"],
        memories=0,
    )
    services = open_services(settings)
    try:
        tasks = load_tasks(planted_tasks(folder / "planted.jsonl", 160, 60, 0)).tasks
        learning = LearningRun(plan_run(settings, tasks, "planted", services), services)
        runner = PlantedRunner(services.home, services.prompts, 0)
        learning._context = replace(learning._context, run_episodes=runner)
        try:
            if match:
                with pytest.raises(WaitingError, match=match):
                    learning.drive()
            else:
                learning.drive()
        finally:
            learning.close()
        return runner.executed
    finally:
        services.close()
