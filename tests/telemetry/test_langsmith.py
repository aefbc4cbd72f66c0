"""Traces of whole batches to a server that stands in for LangSmith: all of the tree, nothing that is secret."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from batch.loop import LearningRun, plan_run
from batch.progress import ProgressTracker
from batch.summary import RunSummary, summarise
from batch.traces import send_lost, tree_at
from benchmarks.langsmith_server import LangSmithServer
from benchmarks.loopback_model import LoopbackModel, write_tasks
from runtime.build import open_services
from runtime.settings import load_settings
from state.ledger import FinishedEpisode
from storage.contents import ContentStore
from storage.engine import open_home
from tasks.load import load_tasks

KEY = "sk-canary-of-the-model"


@pytest.fixture(autouse=True)
def model_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def traced(
    folder: Path, server: LangSmithServer, monkeypatch: pytest.MonkeyPatch, tasks: int = 50, **given: Any
) -> tuple[RunSummary, ProgressTracker, float]:
    """Run the add tasks with traces going to the server; return the report, the progress, the seconds of the end."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    tracker = ProgressTracker()
    with LoopbackModel().serving() as adder:
        settings = load_settings(
            **{"model": "openai:adder", "base_url": adder.base_url, "home": folder / "home", "memories": 0} | given
        )
        services = open_services(settings)
        try:
            loaded = load_tasks(write_tasks(folder / "tasks.jsonl", tasks))
            plan = plan_run(settings, loaded.tasks, "tasks.jsonl", services)
            learning = LearningRun(plan, services, tracker)
            learning.drive()
            ended = time.monotonic()
            learning.close()
            return summarise(services.ledger, plan.run_id), tracker, time.monotonic() - ended
        finally:
            services.close()


def assert_is_the_trace_of(row: FinishedEpisode, root: dict[str, Any], server: LangSmithServer) -> None:
    about = root["extra"]["metadata"]
    for name in ("task_id", "split", "prompt_set", "attempts"):
        assert about[name] == row[name]
    mine = [run for run in server.runs.values() if run["trace_id"] == root["id"] and run is not root]
    names = {run["id"]: run["name"] for run in mine if run["parent_run_id"] == root["id"]}
    once = ["retrieve", "review", "reward", "remember", *["generate", "execute"] * row["attempts"]]
    assert Counter(names.values()) == Counter(once + ["reflect"] * (row["attempts"] - 1))
    calls = [run for run in mine if run["run_type"] == "llm"]
    assert [names[call["parent_run_id"]] for call in calls] == ["generate"] * row["attempts"]
    used = [call["extra"]["metadata"]["usage_metadata"] for call in calls]
    assert sum(use["input_tokens"] for use in used) == row["prompt_tokens"]
    assert sum(use["output_tokens"] for use in used) == row["completion_tokens"]
    scores = {item["key"]: item["score"] for item in server.feedback.values() if item["run_id"] == root["id"]}
    assert scores == {"reward": row["reward"], **row["components"]}


def test_the_whole_tree_of_a_batch_arrives_and_nothing_that_is_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LangSmithServer().serving() as server:
        summary, _, _ = traced(tmp_path, server, monkeypatch)
    roots = {run["id"]: run for run in server.runs.values() if run["parent_run_id"] is None}
    rows = {row["episode_id"]: row for _, row in summary.episodes}
    assert summary.traces == (50, 0)
    assert {root["extra"]["metadata"]["episode_id"] for root in roots.values()} == set(rows)
    for root in roots.values():
        row = rows[root["extra"]["metadata"]["episode_id"]]
        assert root["extra"]["metadata"]["run_id"] == summary.run["run_id"]
        assert_is_the_trace_of(row, root, server)
    assert {run["session_name"] for run in server.runs.values()} == {"a-project"}
    hidden = [f"({k},)" for k in range(10, 15)] + [f"add_{n}({k})" for n in range(50) for k in range(10, 15)]
    assert not [text for text in hidden if text.encode() in server.received]
    assert KEY.encode() not in server.received
    held_out = [f"Return x plus {n}." for n in range(9, 50, 10)]
    assert not [text for text in held_out if text.encode() in server.received], "a task of the test split"
    assert b"Return x plus 8." in server.received


def test_parents_begin_before_their_children_and_end_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LangSmithServer().serving() as server:
        traced(tmp_path, server, monkeypatch, tasks=4)
    for run in server.runs.values():
        if run["parent_run_id"]:
            parent = server.runs[run["parent_run_id"]]
            assert parent["start_time"] <= run["start_time"] <= run["end_time"] <= parent["end_time"]
            assert run["dotted_order"].startswith(parent["dotted_order"] + ".")


def test_runs_refer_to_the_examples_of_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LangSmithServer().serving() as server:
        given = {"langsmith_dataset": "additions", "langsmith_experiment": "first try"}
        summary, tracker, _ = traced(tmp_path, server, monkeypatch, tasks=4, **given)
    assert tracker.counts.notices == []
    assert summary.traces == (4, 0)
    roots = [run for run in server.runs.values() if run["parent_run_id"] is None]
    assert {root["reference_example_id"] for root in roots} == set(server.examples)
    assert len(server.examples) == 4
    assert server.projects["first try"]["reference_dataset_id"] == server.datasets["additions"]["id"]
    assert {root["session_name"] for root in roots} == {"first try"}


@pytest.mark.parametrize("mood", ["dead", "fails", "hangs"])
def test_a_server_that_is_not_well_costs_no_result_and_traces_can_be_sent_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mood: Any
) -> None:
    ill = LangSmithServer("hangs" if mood == "dead" else mood)
    if mood == "dead":
        with ill.serving():
            pass
        summary, tracker, _ = traced(tmp_path, ill, monkeypatch, tasks=6)
    else:
        with ill.serving():
            summary, tracker, _ = traced(tmp_path, ill, monkeypatch, tasks=6)
    assert str(summary.splits[-1].solved) == "1.00 (6 of 6)"
    assert summary.traces == (0, 6)
    assert len(tracker.counts.notices) <= 1

    home = open_home(tmp_path / "home")
    with LangSmithServer().serving() as well:
        monkeypatch.setenv("LANGSMITH_ENDPOINT", well.address)
        assert send_lost(home, load_settings(home=home.folder), summary.run["run_id"]) == 6
        assert send_lost(home, load_settings(home=home.folder), summary.run["run_id"]) == 0
    home.close()
    assert len([run for run in well.runs.values() if run["parent_run_id"] is None]) == 6


def test_a_trace_that_is_sent_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LangSmithServer().serving() as server:
        summary, _, _ = traced(tmp_path, server, monkeypatch, tasks=1)
    home = open_home(tmp_path / "home")
    again = tree_at(home, ContentStore(home), summary.episodes[0][1]["episode_id"])
    home.close()
    assert {span.span_id for span in again} == set(server.runs)


def test_without_the_variables_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LangSmithServer().serving() as server:
        monkeypatch.setattr(server, "environment", lambda: {"LANGSMITH_ENDPOINT": server.address})
        summary, _, _ = traced(tmp_path, server, monkeypatch, tasks=2)
    assert (server.requests, summary.traces) == (0, (0, 0))


def test_hidden_inputs_stay_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_HIDE_INPUTS", "true")
    with LangSmithServer().serving() as server:
        traced(tmp_path, server, monkeypatch, tasks=2)
    assert not any("inputs" in run for run in server.runs.values())
    assert all("outputs" in run for run in server.runs.values())
