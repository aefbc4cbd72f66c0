"""Whole runs: finished work is never redone, failures of the infrastructure are no wrong answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

from batch.loop import LearningRun, plan_run
from batch.summary import RunSummary, summarise
from benchmarks.loopback_model import LoopbackModel, write_tasks
from checkpoints.savers import close_saver, open_saver
from cli.tables import print_summary
from runtime.build import open_services
from runtime.settings import load_settings
from state.errors import SetupError, StoppedError, TransientError
from storage.contents import digest_of
from storage.engine import open_home
from tasks.load import load_tasks
from telemetry.events import Event
from workbench.bench import Workbench
from workbench.care import prune


@pytest.fixture
def adder() -> Iterator[LoopbackModel]:
    with LoopbackModel().serving() as model:
        yield model


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {"initial_interval": 0.001, "jitter": False, "max_attempts": 2}
    from graphs import episode

    monkeypatch.setattr(episode, "RETRY", episode.RETRY._replace(**quick))


def run_once(folder: Path, adder: LoopbackModel, tasks: int = 10, **given: Any) -> RunSummary:
    """Run the add tasks to the end, as `ratchet run` does."""
    settings = load_settings(
        **{
            "model": "openai:adder",
            "base_url": adder.base_url,
            "home": folder / "home",
            "batch_size": 6,
            "retries": 1,
            "retry_wait_s": 0.001,
        }
        | given
    )
    loaded = load_tasks(write_tasks(folder / "tasks.jsonl", tasks))
    services = open_services(settings)
    try:
        plan = plan_run(settings, loaded.tasks, "tasks.jsonl", services)
        learning = LearningRun(plan, services)
        try:
            learning.drive()
        finally:
            learning.close()
        return summarise(services.ledger, plan.run_id)
    finally:
        services.close()


def test_a_run_repairs_what_fails_at_first_and_reports_both(tmp_path: Path, adder: LoopbackModel) -> None:
    summary = run_once(tmp_path, adder)

    whole = summary.splits[-1]
    assert (whole.split, str(whole.first), str(whole.solved)) == ("all", "0.60 (6 of 10)", "1.00 (10 of 10)")


def test_the_same_run_again_asks_the_model_nothing(tmp_path: Path, adder: LoopbackModel) -> None:
    first = run_once(tmp_path, adder)
    asked = len(adder.requests)

    second = run_once(tmp_path, adder)

    assert len(adder.requests) == asked
    assert second.episodes == first.episodes


def pruned(home: Path) -> int:
    """Prune every thread; return how many there were."""
    with Workbench(home) as bench:
        return len(prune(bench, keep=0).threads)


def test_a_finished_run_that_was_pruned_is_read_from_the_ledger(tmp_path: Path, adder: LoopbackModel) -> None:
    first = run_once(tmp_path, adder, epochs=2)
    asked = len(adder.requests)
    assert pruned(tmp_path / "home") > 0

    second = run_once(tmp_path, adder, epochs=2)

    assert len(adder.requests) == asked
    assert (second.run, second.episodes) == (first.run, first.episodes)
    assert pruned(tmp_path / "home") == 0, "it was not begun anew"


def test_a_pruned_run_tries_only_the_episodes_that_failed_and_stays_done(tmp_path: Path, adder: LoopbackModel) -> None:
    adder.failing = {"add_4"}
    first = run_once(tmp_path, adder)
    pruned(tmp_path / "home")
    adder.failing, asked = set(), len(adder.requests)
    second = run_once(tmp_path, adder)

    assert {name for name, _ in adder.requests[asked:]} == {"add_4"}
    assert [failure["task_id"] for failure in first.failures] == ["add/4"]
    assert (second.failures, second.run["status"]) == ([], "done")
    assert len(second.episodes) == len(first.episodes) + 1


def test_another_seed_is_another_run(tmp_path: Path, adder: LoopbackModel) -> None:
    run_once(tmp_path, adder)
    asked = len(adder.requests)

    run_once(tmp_path, adder, seed=1)

    assert len(adder.requests) > asked


def test_no_hidden_test_no_reference_and_no_task_id_reach_the_model(tmp_path: Path, adder: LoopbackModel) -> None:
    run_once(tmp_path, adder)

    said = "\n".join(adder.prompts)
    assert "== 2" in said, "visible examples do"
    assert "add/" not in said
    assert not any(f"({k})" in said for k in range(10, 15)), "inputs of hidden tests"


def test_held_out_tasks_leave_no_memory_and_are_shown_those_of_train_tasks(
    tmp_path: Path, adder: LoopbackModel
) -> None:
    summary = run_once(tmp_path, adder)

    held_out = [row for phase, row in summary.episodes if phase.startswith("held_out")]
    assert [row["outcome"]["remembered"] for row in held_out] == [[]]
    assert all(row["outcome"]["memories"] for row in held_out)


def test_a_server_error_is_no_wrong_answer_and_is_retried_by_the_same_command(
    tmp_path: Path, adder: LoopbackModel
) -> None:
    adder.failing = {"add_4"}
    first = run_once(tmp_path, adder)
    adder.failing = set()
    second = run_once(tmp_path, adder)

    assert [failure["task_id"] for failure in first.failures] == ["add/4"]
    assert first.splits[-1].first.n == 9
    assert second.failures == []
    assert str(second.splits[-1].solved) == "1.00 (10 of 10)"


def test_a_model_that_is_down_stops_the_run_and_the_same_command_continues_it(
    tmp_path: Path, adder: LoopbackModel
) -> None:
    adder.failing = {f"add_{n}" for n in range(10)}
    with pytest.raises(TransientError, match="no episode of train:0000 got a result"):
        run_once(tmp_path, adder)
    adder.failing = set()

    assert str(run_once(tmp_path, adder).splits[-1].solved) == "1.00 (10 of 10)"


def test_a_task_whose_tests_are_broken_does_not_stop_the_others(tmp_path: Path, adder: LoopbackModel) -> None:
    tasks = write_tasks(tmp_path / "tasks.jsonl", 3)
    broken = '{"task_id": "x", "prompt": "def add_1(x): ...", "entry_point": "add_1", "tests": ["assert no_such(1)"]}\n'
    tasks.write_text(tasks.read_text() + broken)
    settings = load_settings(model="openai:adder", base_url=adder.base_url, home=tmp_path / "home")
    services = open_services(settings)
    plan = plan_run(settings, load_tasks(tasks).tasks, "tasks.jsonl", services)
    learning = LearningRun(plan, services)

    learning.drive()
    learning.close()

    solved = {row["task_id"]: row["solved"] for _, row in summarise(services.ledger, plan.run_id).episodes}
    services.close()
    assert solved == {"add/0": 1, "add/1": 1, "add/2": 1, "x": 0}


def test_stopping_saves_what_has_finished_and_the_rest_is_done_later(tmp_path: Path, adder: LoopbackModel) -> None:
    settings = load_settings(
        model="openai:adder", base_url=adder.base_url, home=tmp_path / "home", concurrency=1, batch_size=6
    )
    loaded = load_tasks(write_tasks(tmp_path / "tasks.jsonl", 10))
    services = open_services(settings)
    plan = plan_run(settings, loaded.tasks, "tasks.jsonl", services)

    def stop_after_the_first(event: Event) -> None:
        if event["kind"] == "episode_finished":
            learning.stop()

    learning = LearningRun(plan, services, stop_after_the_first)
    with pytest.raises(StoppedError):
        learning.drive()
    learning.close()
    services.close()
    done = [name for name, _ in adder.requests]
    summary = run_once(tmp_path, adder)

    assert str(summary.splits[-1].solved) == "1.00 (10 of 10)"
    assert len(adder.requests) == 10 + 4, "ten first attempts and four repairs, none twice"
    assert 0 < len(done) < 5


def test_two_processes_do_not_work_on_one_run(tmp_path: Path, adder: LoopbackModel) -> None:
    settings = load_settings(model="openai:adder", base_url=adder.base_url, home=tmp_path / "home")
    services = open_services(settings)
    tasks = load_tasks(write_tasks(tmp_path / "tasks.jsonl", 2)).tasks
    plan = plan_run(settings, tasks, "tasks.jsonl", services)
    learning = LearningRun(plan, services)

    with pytest.raises(SetupError, match="is being worked on by process"):
        LearningRun(plan, services)
    learning.close()
    services.close()


def test_memory_care_runs_on_a_thread_of_its_own(tmp_path: Path, adder: LoopbackModel) -> None:
    summary = run_once(tmp_path, adder, tend_every=6)

    home = open_home(tmp_path / "home")
    saver = open_saver(home)
    care = _last_state(saver, f"{summary.run['run_id']}:tend_memory:000006")
    close_saver(saver)
    home.close()
    assert care["groups"] > 0
    assert [counts["groups"] for _, counts in summary.care] == [care["groups"]]


def _last_state(saver: SqliteSaver, thread_id: str) -> dict[str, Any]:
    found = saver.get_tuple({"configurable": {"thread_id": thread_id}})
    assert found is not None
    return found.checkpoint["channel_values"]


def test_the_state_in_the_checkpoints_holds_no_program_and_no_prompt(tmp_path: Path, adder: LoopbackModel) -> None:
    summary = run_once(tmp_path, adder, tasks=2)

    home = open_home(tmp_path / "home")
    saver = open_saver(home)
    state = _last_state(saver, summary.episodes[0][1]["episode_id"])
    close_saver(saver)
    home.close()
    assert "return" not in str(state)
    assert len(str(state)) < 4_000
    assert state["attempts"][0]["code"] == digest_of(adder_program(state["episode"]["task_id"]))


def adder_program(task_id: str) -> str:
    """Return the program that the loopback model gives first for a task."""
    n = int(task_id.removeprefix("add/"))
    return f"def add_{n}(x: int) -> int:\n    return x + {n + (n % 3 == 0)}\n"


def test_a_task_that_was_learned_from_elsewhere_is_not_looked_up_when_held_out(
    tmp_path: Path, adder: LoopbackModel
) -> None:
    run_once(tmp_path, adder, memories=50)
    run_once(tmp_path, adder, memories=50, seed=1, memory="home")

    shown = [(prompt, name) for prompt, (name, _) in zip(adder.prompts, adder.requests, strict=True)]
    assert any("## Memories" in prompt for prompt, _ in shown)
    assert not any(
        f"{name}:" in prompt.partition("## Memories")[2].partition("## Feedback")[0] for prompt, name in shown
    )


@pytest.mark.parametrize(("memory", "sees"), [("run", 0), ("home", 8)])
def test_a_run_starts_with_what_earlier_runs_remembered_only_when_told_to(
    tmp_path: Path, adder: LoopbackModel, memory: str, sees: int
) -> None:
    run_once(tmp_path, adder, memories=50)
    second = run_once(tmp_path, adder, memories=50, seed=1, memory=memory)

    first_batch = [row for phase, row in second.episodes if phase == "train:0000"]
    assert [len(row["outcome"]["memories"]) for row in first_batch] == [sees] * 6


def test_many_workers_do_not_run_out_of_connections(tmp_path: Path, adder: LoopbackModel) -> None:
    summary = run_once(tmp_path, adder, tasks=120, concurrency=40, batch_size=120)

    assert str(summary.splits[-1].solved) == "1.00 (120 of 120)"


def test_what_an_id_holds_is_printed_as_it_is(
    tmp_path: Path, adder: LoopbackModel, capsys: pytest.CaptureFixture[str]
) -> None:
    adder.failing = {"add_1"}
    summary = run_once(tmp_path, adder, tasks=3)
    row = summary.episodes[0][1]
    row["task_id"], row["outcome"]["declined"] = "[/INST] a[/b]", True
    summary.failures[0]["reason"] = "400 [/INST]"
    summary.worst.append(row)

    print_summary(summary, None, tmp_path)

    out = capsys.readouterr().out
    assert "[/INST] a[/b]" in out
    assert "400 [/INST]" in out
    assert f"ratchet show {summary.failures[0]['episode_id'][:10]}" in out
    assert "Run the same command again to retry them." in out

    summary.failures[0]["passing"] = 0
    print_summary(summary, None, tmp_path)

    assert "They will not succeed as they are" in capsys.readouterr().out
