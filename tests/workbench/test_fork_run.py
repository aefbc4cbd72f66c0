"""Forks of learning runs: what they share with their originals, what they change, and what they leave alone."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from batch.loop import LearningRun, plan_run
from benchmarks.loopback_model import LoopbackModel, write_tasks
from checkpoints.history import fingerprint, history, values_of
from checkpoints.savers import threads_beginning
from runtime.build import open_services
from runtime.settings import load_settings
from state.errors import SetupError, StoppedError
from tasks.load import load_tasks
from telemetry.events import Event, Sink, ignore
from workbench.bench import Workbench
from workbench.compare import RunComparison, compare
from workbench.fork import Changes, fork, horizon_before
from workbench.fork_run import RunFork, fork_run
from workbench.replay import replay
from workbench.story import story
from workbench.transfer import export_threads, import_threads

TIMES = {"model_s", "sandbox_s", "wall_s", "finished_at"}


def learn(folder: Path, model: LoopbackModel, *, stop_in: str = "") -> str:
    """Learn from the add tasks in three batches, with care and measurements in between; stop in a phase if asked."""
    settings = load_settings(
        model="openai:adder", base_url=model.base_url, home=folder / "home", batch_size=3, tend_every=3, measure_every=1
    )
    services = open_services(settings)
    try:
        plan = plan_run(settings, load_tasks(write_tasks(folder / "tasks.jsonl", 10)).tasks, "tasks.jsonl", services)
        learning = LearningRun(plan, services, lambda event: stop_at(event, stop_in, learning))
        try:
            learning.drive()
        except StoppedError:
            assert stop_in
        finally:
            learning.close()
        return plan.run_id
    finally:
        services.close()


def stop_at(event: Event, phase: str, learning: LearningRun) -> None:
    if phase and event["kind"] == "batch_started" and event["phase"] == phase:
        learning.stop()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, adder: LoopbackModel) -> Path:
    """Have `bench` open a run that learned."""
    folder = tmp_path_factory.mktemp("learned")
    learn(folder, adder)
    return folder / "home"


def results(bench: Workbench, run_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return everything that a run used, without times."""
    rows = bench.ledger.episodes_of(run_id)
    return [(phase, {name: value for name, value in row.items() if name not in TIMES}) for phase, row in rows]


def snapshot(bench: Workbench, run_id: str) -> str:
    """Return the digest of all that a run sees at its end."""
    ref = values_of(history(bench.saver, run_id)[-1])["run"]
    return bench.services.memory.snapshot(horizon_before(ref, 1000))


def everything_of(bench: Workbench, run_id: str) -> list[object]:
    """Return the rows and the checkpoints of a run, and what it sees of the memory."""
    ids = [row["episode_id"] for _, row in bench.ledger.episodes_of(run_id)]
    threads = sorted({run_id, *threads_beginning(bench.saver, f"{run_id}:"), *ids})
    rows = [bench.ledger.run(run_id), bench.ledger.episodes_of(run_id), bench.ledger.care_of(run_id)]
    return [*rows, snapshot(bench, run_id), *(fingerprint(bench.saver, one) for one in threads)]


def test_a_fork_with_nothing_changed_is_its_original_and_asks_nothing(bench: Workbench, adder: LoopbackModel) -> None:
    run_id = bench.ledger.runs()[0]["run_id"]
    before, asked = everything_of(bench, run_id), len(adder.requests)
    forked = fork_run(bench, run_id, at_batch=1)
    assert forked.run_id != run_id
    assert results(bench, forked.run_id) == results(bench, run_id)
    assert bench.ledger.care_of(forked.run_id) == bench.ledger.care_of(run_id)
    assert (len(adder.requests), forked.summary.reused) == (asked, len(forked.summary.episodes))
    assert snapshot(bench, forked.run_id) == snapshot(bench, run_id)
    assert everything_of(bench, run_id) == before
    assert forked.summary.run["settings"]["forked_from"] == f"{run_id} after batch 1"
    assert bench.ledger.forks_of(run_id) == [forked.run_id]


def test_a_fork_executes_what_its_original_has_not_and_both_end_as_if_there_were_one(
    recorded: Path, tmp_path: Path, adder: LoopbackModel
) -> None:
    run_id = learn(tmp_path, adder, stop_in="train:0001")
    with Workbench(recorded) as whole, Workbench(tmp_path / "home") as bench:
        forked = fork_run(bench, run_id, at_batch=1).run_id
        assert results(bench, forked) == results(whole, run_id)
        assert snapshot(bench, forked) == snapshot(whole, run_id)
        assert len(results(bench, run_id)) < len(results(whole, run_id)), "the fork adds nothing to its original"
        learn(tmp_path, adder)
        assert results(bench, run_id) == results(whole, run_id)
        assert snapshot(bench, run_id) == snapshot(whole, run_id)
        assert bench.ledger.care_of(run_id) == bench.ledger.care_of(forked) == whole.ledger.care_of(run_id)


def memories_in(bench: Workbench, run_id: str, wanted: str) -> dict[str, list[str]]:
    return {row["task_id"]: row["outcome"]["memories"] for phase, row in results(bench, run_id) if phase == wanted}


def test_another_model_answers_from_the_batch_on_and_is_shown_what_was_learned_before(
    bench: Workbench, adder: LoopbackModel
) -> None:
    run_id = bench.ledger.runs()[0]["run_id"]
    seen = snapshot(bench, run_id)
    before = everything_of(bench, run_id)
    changes = Changes(model="openai:other", base_url=adder.base_url)
    forked = fork_run(bench, run_id, changes, at_batch=2)
    by_phase = {phase: row["model"].partition(" ")[0] for phase, row in forked.summary.episodes}
    assert by_phase == {
        **dict.fromkeys(["held_out:0000", "held_out:0001", "train:0000", "train:0001"], "openai:adder"),
        **dict.fromkeys(["held_out:0002", "held_out:0003", "train:0002"], "openai:other"),
    }
    ours, theirs = (memories_in(bench, one, "train:0002") for one in (forked.run_id, run_id))
    assert ours == theirs != {}, "both remember the same batches"
    assert any(ours.values())
    assert snapshot(bench, run_id) == seen != snapshot(bench, forked.run_id), "the original sees nothing of the fork"
    assert everything_of(bench, run_id) == before
    found = compare(bench, run_id, forked.run_id)
    assert isinstance(found, RunComparison)
    assert {"model", "forked_from"} == {row.label for row in found.settings}
    assert replay(bench, forked.run_id).is_same
    (episode_id, *_) = [row["episode_id"] for phase, row in forked.summary.episodes if phase == "train:0002"]
    again = story(bench, fork(bench, episode_id, changes))
    assert again.state["memories"] == story(bench, again.ancestors[0]["parent"]).state["memories"]


@pytest.mark.parametrize(("given", "shown"), [("none", 0), ("home", 3), ("{run}@1", 3)])
def test_a_fork_may_begin_with_other_memories(bench: Workbench, given: str, shown: int) -> None:
    run_id = bench.ledger.runs()[0]["run_id"]
    forked = fork_run(bench, run_id, Changes(memory_snapshot=given.format(run=run_id)), at_batch=2)
    memories = [len(row["outcome"]["memories"]) for phase, row in forked.summary.episodes if phase == "train:0002"]
    assert max(memories) == shown


def test_settings_prompts_and_state_may_be_changed(bench: Workbench, tmp_path: Path) -> None:
    run_id = bench.ledger.runs()[0]["run_id"]
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "system.md").write_text("You are terse.")
    state = {"epochs": 2, "attempts": 1, "progress.solved": 0}
    changes = Changes(prompts=str(tmp_path / "prompts"), state=state)
    forked = fork_run(bench, run_id, changes, at_batch=3)
    phases = dict(forked.summary.episodes)
    assert {"train:0002", "train:0003", "train:0005"} <= phases.keys()
    assert phases["train:0002"]["prompt_set"] != phases["train:0003"]["prompt_set"]
    assert {row["attempts"] for phase, row in forked.summary.episodes if phase >= "train:0003"} == {1}
    end = values_of(history(bench.saver, forked.run_id)[-1])["progress"]
    assert end["solved"] == sum(row["solved"] for phase, row in forked.summary.episodes if phase >= "train:0003")


def test_a_fork_of_a_fork_goes_on_with_the_memories_of_both(bench: Workbench) -> None:
    run_id = bench.ledger.runs()[0]["run_id"]
    child = fork_run(bench, run_id, Changes(state={"seed": 1}), at_batch=1).run_id
    grandchild = fork_run(bench, child, at_batch=2).run_id
    assert results(bench, grandchild) == results(bench, child)
    ref = values_of(history(bench.saver, grandchild)[-1])["run"]
    assert ref["ancestors"] == [{"run_id": child, "batch": 2}, {"run_id": run_id, "batch": 1}]
    with pytest.raises(SetupError, match="it has 1 to 3"):
        fork_run(bench, child, at_batch=0)


def drive(bench: Workbench, run_id: str, changes: Changes, events: Sink = ignore, *, stop_in: str = "") -> str:
    with RunFork(bench, run_id, changes, at_batch=1) as planned:
        learning = LearningRun(planned.run, planned.services, lambda event: stop_at(event, stop_in, learning))
        try:
            planned.begin()
            learning.drive()
        finally:
            learning.close()
        return planned.run.run_id


def test_a_fork_that_is_stopped_anywhere_and_continued_ends_like_an_undisturbed_one(
    bench: Workbench, tmp_path: Path
) -> None:
    run_id, changes = bench.ledger.runs()[0]["run_id"], Changes(state={"seed": 1})
    shutil.copytree(bench.folder, tmp_path / "other")
    whole = drive(bench, run_id, changes)
    with Workbench(tmp_path / "other") as other:
        with RunFork(other, run_id, changes, at_batch=1) as planned:
            planned.begin()  # and killed before it was driven
        with other.home.writing() as connection:
            connection.exec_driver_sql("DELETE FROM forks")  # as if it had been killed just before it was noted
        for phase in ("train:0001", "held_out:0002"):
            with pytest.raises(StoppedError):
                drive(other, run_id, changes, stop_in=phase)
        assert drive(other, run_id, changes) == whole
        assert results(other, whole) == results(bench, whole)
        assert other.ledger.care_of(whole) == bench.ledger.care_of(whole)
        assert snapshot(other, whole) == snapshot(bench, whole)


def test_an_exported_fork_is_shown_and_replayed_in_the_home_that_has_its_memories(
    bench: Workbench, tmp_path: Path
) -> None:
    run_id = bench.ledger.runs()[0]["run_id"]
    forked = fork_run(bench, run_id, at_batch=1).run_id
    export_threads(bench, run_id, tmp_path / "run.gz")
    export_threads(bench, forked, tmp_path / "fork.gz")
    with Workbench(tmp_path / "elsewhere", create=True) as other:
        import_threads(other, tmp_path / "run.gz")
        assert bench.ledger.forks_of(run_id) == [forked] != other.ledger.forks_of(run_id), "a run goes by itself"
        import_threads(other, tmp_path / "fork.gz")
        assert results(other, forked) == results(bench, forked)
        assert compare(other, forked, forked)
    assert replay(bench, forked).is_same


@pytest.mark.parametrize(
    ("changes", "at_batch", "message"),
    [
        (Changes(), 4, "with --at-batch: it has 0 to 3"),
        (Changes(state={"batch_size": 5}), 1, "--set cannot change batch_size"),
        (Changes(state={"attempts": "many"}), 1, "attempts: is a int"),
        (Changes(state={"attempts": 0}), 1, "attempts"),
        (Changes(state={"speed": 1}), 1, "this state has no 'speed'"),
        (Changes(memory_snapshot="nothing"), 1, "write none, home, a run"),
        (Changes(model="gpt"), 1, "unknown model 'gpt'"),
    ],
)
def test_what_cannot_be_forked_is_said_with_what_can(
    bench: Workbench, changes: Changes, at_batch: int, message: str
) -> None:
    run_id = bench.ledger.runs()[0]["run_id"]
    with pytest.raises(SetupError, match=message):
        fork_run(bench, run_id, changes, at_batch=at_batch)
    assert [row["run_id"] for row in bench.ledger.runs()] == [run_id]
    with pytest.raises(SetupError, match="no run 'run-x'"):
        fork_run(bench, "run-x", at_batch=0)


def test_a_fork_that_is_killed_goes_on_with_the_same_command(bench: Workbench, tmp_path: Path) -> None:
    run_id = bench.ledger.runs()[0]["run_id"]
    with LoopbackModel(delay_s=0.2).serving() as model:
        changed = ["--model", "openai:other", "--base-url", model.base_url, "--json"]
        shutil.copytree(bench.folder, tmp_path / "killed")
        command = [sys.executable, "-m", "cli", "fork", run_id, "--at-batch", "1", *changed]
        killed = [*command, "--home", str(tmp_path / "killed")]
        whole = fork_run(bench, run_id, Changes(model="openai:other", base_url=model.base_url), at_batch=1).run_id
        asked = len(model.requests)
        process = subprocess.Popen(killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(model.requests) < asked + 4 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        ended = subprocess.run(killed, check=True, capture_output=True, text=True).stdout
    assert json.loads(ended.splitlines()[0])["run_id"] == whole
    with Workbench(tmp_path / "killed") as other:
        assert results(other, whole) == results(bench, whole)
        assert snapshot(other, whole) == snapshot(bench, whole)
