"""A run with a reviewer: its opinion is rewarded, its calls are counted, recorded, traced and replayed."""

from pathlib import Path

from batch.loop import LearningRun, conditions_of, plan_run
from benchmarks.loopback_model import LoopbackModel, write_tasks
from runtime.build import open_services
from runtime.settings import RoleSettings, load_settings
from tasks.load import load_tasks
from telemetry.tree import episode_tree
from workbench.bench import Workbench
from workbench.fork import Changes, fork
from workbench.replay import replay
from workbench.story import story


def test_what_a_reviewer_says_is_rewarded_recorded_traced_forked_and_replayed(
    tmp_path: Path, adder: LoopbackModel
) -> None:
    settings = load_settings(
        model="openai:adder",
        base_url=adder.base_url,
        home=tmp_path,
        budget=300,
        roles={"review": {"model": "offline"}},
        rewards={"correctness": 0.5, "review": 0.5},
    )
    services = open_services(settings)
    learning = LearningRun(
        plan_run(settings, load_tasks(write_tasks(tmp_path / "t.jsonl", 2)).tasks, "t", services), services
    )
    learning.drive()
    learning.close()
    services.close()
    with Workbench(tmp_path) as bench:
        [run] = bench.ledger.runs()
        row = next(row for _, row in bench.ledger.episodes_of(run["run_id"]) if row["task_id"] == "add/1")
        told = story(bench, row["episode_id"])
        opinion = told.state["review"]["opinion"]
        assert row["components"] == {"correctness": 1.0, "review": opinion["score"]}
        written = told.state["attempts"][0]["usage"]["prompt_tokens"]
        assert row["prompt_tokens"] == written + opinion["calls"][0]["usage"]["prompt_tokens"] > written
        spans = episode_tree(told.state, told.story.stages, bench.contents.get)
        calls = [span.metadata["model"] for span in spans if span.kind == "llm"]
        assert calls == [f"openai:adder {adder.base_url}", opinion["calls"][0]["model"]]
        assert list(replay(bench, run["run_id"]).lines()) == []
        branch = fork(bench, row["episode_id"], Changes(state={"code": "def add_1(x):\n    return 2\n"}), at="review")
        assert story(bench, branch).state["review"]["opinion"]["score"] < opinion["score"]
        assert replay(bench, branch).is_same


def test_episodes_with_a_reviewer_are_others_than_those_without(tmp_path: Path) -> None:
    reviewers = (
        {},
        {"review": RoleSettings(model="offline")},
        {"review": RoleSettings(model="offline", temperature=0.5)},
    )
    seen = set()
    for roles in reviewers:
        services = open_services(load_settings(home=tmp_path, roles=roles))
        seen.add(conditions_of(services))
        services.close()
    assert len(seen) == 3
