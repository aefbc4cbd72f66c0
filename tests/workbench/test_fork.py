import json
import re
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from benchmarks.loopback_model import LoopbackModel
from checkpoints.history import fingerprint
from checkpoints.lineage import Lineage, branch
from graphs.episode import episode_graph
from runtime.settings import load_settings
from state.errors import PermanentError, SetupError
from state.ledger import FinishedEpisode
from storage.contents import ContentStore
from workbench.bench import Workbench
from workbench.edits import edited, parse_edits
from workbench.fork import Changes, fork
from workbench.replay import replay
from workbench.story import story

Episodes = dict[str, FinishedEpisode]
BROKEN = "def add_1(x):\n    return x\n"


def test_a_fork_from_a_changed_program_leaves_the_original_byte_for_byte_as_it_was(
    bench: Workbench, episodes: Episodes
) -> None:
    original = episodes["add/1"]["episode_id"]
    before = fingerprint(bench.saver, original)
    told = story(bench, fork(bench, original, Changes(state={"code": BROKEN}), at="execute"))
    assert told.story.attempts[0].code == BROKEN
    assert (told.result, [s.node for s in told.story.stages][3:5]) == ("solved by a repair", ["reflect", "generate"])
    assert fingerprint(bench.saver, original) == before
    assert story(bench, original).result == "solved"


def test_an_episode_that_is_run_again_on_a_thread_of_ones_own_takes_edits_and_teaches_nobody(
    bench: Workbench, episodes: Episodes
) -> None:
    row = episodes["add/1"]
    saved = episode_graph().compile(checkpointer=bench.saver)
    spec = saved.get_state({"configurable": {"thread_id": row["episode_id"]}}).values["episode"]
    context = bench.context(bench.settings_of(spec["run_id"]), bench.services.models)
    known = context.memory.watermark()
    mine: RunnableConfig = {"configurable": {"thread_id": "mine"}}
    graph = episode_graph().compile(checkpointer=InMemorySaver())
    graph.invoke({"episode": spec}, mine, context=context, interrupt_before=["execute"])  # type: ignore[arg-type]
    [attempt] = graph.get_state(mine).values["attempts"]
    [code] = context.contents.put("def add_1(x: int) -> int:\n    return 1 + x\n")
    graph.update_state(mine, {"attempts": [{**attempt, "code": code}]})
    end = graph.invoke(None, mine, context=context)
    assert (end["attempts"][-1]["code"], end["reward"]["total"], end["remembered"]) == (code, row["reward"], [])
    assert context.memory.watermark() == known


def test_a_graph_without_a_context_says_what_it_needs() -> None:
    with pytest.raises(SetupError, match=re.escape("pass context=Context()")):
        episode_graph().compile().invoke({"episode": {}})  # type: ignore[typeddict-item]


def test_lineage_is_told_in_both_directions_and_over_generations(bench: Workbench, episodes: Episodes) -> None:
    original = episodes["add/1"]["episode_id"]
    child = fork(bench, original, Changes(state={"code": BROKEN}), at="execute")
    grandchild = fork(bench, child, Changes(state={"reward.total": 0.25}), at="remember")
    assert [line.split(" at ")[0] for line in story(bench, child).lineage()] == [
        f"forked from {original[:15]}",
        f"fork {grandchild}",
    ]
    assert story(bench, original).lineage() == [f"fork {child} at execute: set=code"]
    assert [row["parent"] for row in Lineage(bench.home).ancestors(grandchild)] == [child, original]
    assert story(bench, grandchild).state["reward"]["total"] == 0.25


def test_the_same_fork_again_is_the_same_fork_and_asks_nothing(
    bench: Workbench, episodes: Episodes, adder: LoopbackModel
) -> None:
    changes = Changes(model="openai:adder", base_url=adder.base_url)
    first = fork(bench, episodes["add/1"]["episode_id"], changes)
    asked = len(adder.requests)
    assert fork(bench, episodes["add/1"]["episode_id"], changes) == first
    assert len(adder.requests) == asked


def test_a_fork_that_was_killed_while_it_was_copied_begins_again(bench: Workbench, episodes: Episodes) -> None:
    from checkpoints.history import history, point_before

    original, changes = episodes["add/1"]["episode_id"], Changes(state={"code": BROKEN})
    expected = fork(bench, original, changes, at="execute")
    end = story(bench, expected).state["attempts"][-1]["code"]
    with bench.home.writing() as connection:
        connection.exec_driver_sql("DELETE FROM forks")
    points = history(bench.saver, original)
    branch(bench.saver, points, point_before(points, "execute"), expected, {})  # copied, the change not noted
    assert fork(bench, original, changes, at="execute") == expected
    assert story(bench, expected).state["attempts"][-1]["code"] == end


def test_a_fork_teaches_nobody_unless_asked_and_never_the_run_of_its_original(
    bench: Workbench, episodes: Episodes, run_id: str
) -> None:
    row = episodes["add/1"]
    memory, horizon = bench.services.memory, {"watermark": 0, "run_id": run_id, "batch": 10**6}
    seen, log = memory.snapshot(horizon), memory.watermark()  # type: ignore[arg-type]
    code = "def add_1(x):\n    return 1 + x  # another way\n"
    fork_id = fork(bench, row["episode_id"], Changes(state={"code": code}), at="execute")
    assert memory.watermark() == log
    assert bench.ledger.find([fork_id]) == {}
    taught = fork(bench, row["episode_id"], Changes(state={"code": code}), at="execute", teach=True)
    assert taught != fork_id
    assert memory.watermark() == log + 2
    assert memory.snapshot(horizon) == seen  # type: ignore[arg-type]
    shown = [hit["code"] for hit in memory.get(story(bench, taught).state["remembered"])]
    assert code in shown


def test_another_model_prompt_set_and_memory_reach_the_fork(
    bench: Workbench, episodes: Episodes, adder: LoopbackModel, tmp_path: Path
) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "system.md").write_text("You are terse.")
    row = next(row for row in episodes.values() if row["outcome"]["memories"])
    changes = Changes(
        model="openai:other",
        base_url=adder.base_url,
        prompts=str(tmp_path / "prompts"),
        memory_snapshot="none",
    )
    told = story(bench, fork(bench, row["episode_id"], changes))
    assert told.story.stages[0].node == "retrieve"
    assert told.state["memories"] == []
    assert told.state["episode"]["model"] == f"openai:other {adder.base_url}"
    assert "You are terse." in json.dumps(told.story.attempts[0].messages)
    again = fork(bench, row["episode_id"], Changes(prompts=told.state["episode"]["prompt_set"][:10]))
    assert story(bench, again).state["episode"]["prompt_set"] == told.state["episode"]["prompt_set"]


@pytest.mark.parametrize(("snapshot", "sees"), [("home", True), ("{run}", True), ("{run}@0", False)])
def test_a_memory_snapshot_may_be_that_of_the_home_or_of_a_run(
    bench: Workbench, episodes: Episodes, run_id: str, snapshot: str, sees: bool
) -> None:
    changes = Changes(memory_snapshot=snapshot.format(run=run_id))
    told = story(bench, fork(bench, episodes["add/9"]["episode_id"], changes))
    assert bool(told.state["memories"]) is sees


def test_the_second_turn_of_a_node_can_be_where_a_fork_starts(bench: Workbench, episodes: Episodes) -> None:
    told = story(bench, fork(bench, episodes["add/3"]["episode_id"], Changes(), at="generate:2"))
    assert len(told.story.attempts) == 2
    assert replay(bench, told.thread_id).is_same


@pytest.mark.parametrize(
    ("changes", "at", "message"),
    [
        (Changes(state={"reward.total": 1.0}), None, "say from which node"),
        (Changes(), "fly", "no node 'fly' ran in this thread.* nodes: retrieve, generate, execute, review"),
        (Changes(), "generate:7", "generate ran 1 time"),
        (Changes(state={"reward.total": 1.0}), "execute", "this state has no 'reward' at that point"),
        (Changes(state={"reward.sum": 1.0}), "remember", r"there is no 'sum' .*have: total, components, table"),
        (Changes(state={"reward.total": "much"}), "remember", "is a float"),
        (Changes(state={"attempts.4.code": "x"}), "execute", r"there is no '4' .*have: 1 items"),
        (Changes(model="gpt"), None, "unknown model 'gpt'"),
        (Changes(prompts="zz"), None, "no prompt set 'zz'"),
        (Changes(memory_snapshot="nothing"), None, "write none, home, a run"),
    ],
)
def test_what_cannot_be_forked_is_said_with_what_can(
    bench: Workbench, episodes: Episodes, changes: Changes, at: str | None, message: str
) -> None:
    with pytest.raises(SetupError, match=message):
        fork(bench, episodes["add/1"]["episode_id"], changes, at=at)
    assert Lineage(bench.home).of(episodes["add/1"]["episode_id"]) == []


def test_edits_are_read_as_json_or_text_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "fixed.py").write_text("pass\n")
    found = parse_edits(["reward.total=0.5", f"code=@{tmp_path / 'fixed.py'}", "feedback=1", "x=two words"])
    assert found == {"reward.total": 0.5, "code": "pass\n", "feedback": "1", "x": "two words"}
    for bad in ("code", "=1", f"code=@{tmp_path / 'none'}"):
        with pytest.raises(SetupError):
            parse_edits([bad])


def test_a_declined_attempt_that_is_given_a_program_is_executed(contents: ContentStore) -> None:
    declined = {"code": "", "finish": "declined", "answer": ""}
    [attempt] = edited({"attempts": [declined]}, {"code": "def f(): pass\n"}, contents)["attempts"]
    assert attempt["finish"] == "stop"
    assert edited({"attempts": [declined]}, {"answer": "no"}, contents)["attempts"][0]["finish"] == "declined"


def test_an_episode_answered_from_a_file_is_forked_with_its_recorded_answers(
    bench: Workbench, episodes: Episodes
) -> None:
    row = episodes["add/1"]
    spec = "recorded:abc"
    first = fork(bench, row["episode_id"], Changes(state={"episode.model": spec}), at="generate")
    assert story(bench, first).state["episode"]["model"] == spec
    again = story(bench, fork(bench, first, Changes(), at="generate"))
    assert again.code == story(bench, row["episode_id"]).code
    with pytest.raises(PermanentError, match="question 2 was never asked"):
        fork(bench, first, Changes(state={"code": BROKEN}), at="execute")


def test_settings_of_a_run_come_back_for_its_forks(bench: Workbench, run_id: str) -> None:
    assert bench.settings_of(run_id).batch_size == 6
    assert bench.settings_of("nobody").batch_size == load_settings().batch_size
