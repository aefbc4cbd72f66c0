"""A person decides what is remembered: asked in one process, answered in another, nothing run twice."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from batch.loop import LearningRun, plan_run
from benchmarks.loopback_model import LoopbackModel, write_tasks
from checkpoints.history import history, values_of, waiting_nodes
from runtime.build import open_services
from runtime.settings import load_settings
from state.errors import SetupError, WaitingError
from tasks.load import load_tasks
from workbench.answer import answer, pending
from workbench.bench import Workbench
from workbench.fork import Changes, fork
from workbench.replay import replay
from workbench.story import story

ANSWER_AND_DIE = """
import os, signal, sys
from nodes import remember as module
from graphs import episode

def remember(state, runtime):
    os.kill(os.getpid(), signal.SIGKILL)

remember.__annotations__ = episode.remember.__annotations__
episode.remember = remember
from workbench.answer import answer
from workbench.bench import Workbench
answer(Workbench(sys.argv[1]), sys.argv[2], edits={"reward.total": 0.25})
"""


def run(folder: Path, adder: LoopbackModel) -> str:
    """Run three train tasks that ask; return the run's id, once nothing waits."""
    settings = load_settings(
        model="openai:adder", base_url=adder.base_url, home=folder / "home", batch_size=3, ask=["remember"]
    )
    services = open_services(settings)
    try:
        plan = plan_run(settings, load_tasks(write_tasks(folder / "tasks.jsonl", 3)).tasks, "tasks.jsonl", services)
        learning = LearningRun(plan, services)
        try:
            learning.drive()
        finally:
            learning.close()
        return plan.run_id
    finally:
        services.close()


def test_episodes_wait_for_an_answer_and_the_run_goes_on_when_all_are_answered(
    tmp_path: Path, adder: LoopbackModel
) -> None:
    with pytest.raises(WaitingError, match=r"3 episodes of train:0000 wait for your answer"):
        run(tmp_path, adder)
    asked = len(adder.requests)
    with pytest.raises(WaitingError):
        run(tmp_path, adder)  # the same command again asks nothing
    with Workbench(tmp_path / "home") as bench:
        ids = {question["task_id"]: question["thread_id"] for question in pending(bench).questions}
        assert sorted(ids) == ["add/0", "add/1", "add/2"]
        assert "add/1" in pending(bench)._repr_html_()
        approved = answer(bench, ids["add/0"][:8])
        refused = answer(bench, ids["add/1"], approve=False)
        edited = answer(bench, ids["add/2"], edits={"reward.total": 0.5})
        assert [row["outcome"]["remembered"] != [] for row in (approved, refused)] == [True, False]
        assert (edited["reward"], edited["solved"], pending(bench).questions) == (0.5, 1, [])
        assert story(bench, ids["add/2"]).state["decision"]["edited"] == ["reward"]
        assert replay(bench, ids["add/2"]).is_same, "what a person answered is part of the recording"
        branch = story(bench, fork(bench, ids["add/1"], Changes(), at="reward"))
        assert [stage.node for stage in branch.story.stages][-2:] == ["reward", "remember"], "a fork does not ask"
        with pytest.raises(SetupError, match="from remember"):
            fork(bench, ids["add/1"], Changes(), at="ask")
        with pytest.raises(SetupError, match="nothing that waits begins with"):
            answer(bench, ids["add/0"])
    run_id = run(tmp_path, adder)
    assert len(adder.requests) == asked, "nothing was run twice"
    with Workbench(tmp_path / "home") as bench:
        rows = {row["task_id"]: row["reward"] for _, row in bench.ledger.episodes_of(run_id)}
        assert (rows["add/2"], len(rows)) == (0.5, 3)
        assert bench.ledger.runs()[0]["status"] == "done"


def test_an_answer_survives_a_kill_and_another_process_completes_it_with_the_edit(
    tmp_path: Path, adder: LoopbackModel
) -> None:
    with pytest.raises(WaitingError):
        run(tmp_path, adder)
    asked = len(adder.requests)
    with Workbench(tmp_path / "home") as bench:
        thread_id = pending(bench).questions[0]["thread_id"]
        before = len(history(bench.saver, thread_id))
    command = [sys.executable, "-c", ANSWER_AND_DIE, str(tmp_path / "home"), thread_id]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Workbench(tmp_path / "home") as bench:
        points = history(bench.saver, thread_id)
        assert waiting_nodes(points[-1]) == ["remember"]
        assert values_of(points[-1])["reward"]["total"] == 0.25
        row = answer(bench, thread_id, approve=False)  # too late: the first answer counts
        assert (row["reward"], len(row["outcome"]["remembered"])) == (0.25, 2)
        nodes = [stage.node for stage in story(bench, thread_id).story.stages]
        assert nodes.count("ask") == nodes.count("remember") == nodes.count("review") == 1
        assert len(history(bench.saver, thread_id)) == before + 2
    assert len(adder.requests) == asked


def test_programs_cannot_be_edited_here_and_a_refused_edit_leaves_the_question_open(
    tmp_path: Path, adder: LoopbackModel
) -> None:
    with pytest.raises(WaitingError):
        run(tmp_path, adder)
    with Workbench(tmp_path / "home") as bench:
        thread_id = pending(bench).questions[0]["thread_id"]
        for edits in ({"code": "pass"}, {"reward.sum": 1.0}):
            with pytest.raises(SetupError):
                answer(bench, thread_id, edits=edits)
        assert json.dumps(pending(bench).questions[0]["answer"]) == '""'
