from typing import Any

import pytest
from sqlalchemy import func, select

from checkpoints.differences import Difference, differences
from checkpoints.history import fingerprint
from graphs import episode as episode_graph_module
from graphs import learning_loop as loop_module
from state.errors import PermanentError, SetupError
from state.ledger import FinishedEpisode
from storage.tables import contents, memories
from workbench.bench import Workbench
from workbench.replay import replay

REPAIRED = ["retrieve", "generate", "execute", "reflect", "generate", "execute", "review", "reward", "remember"]
Episodes = dict[str, FinishedEpisode]


def counts(bench: Workbench) -> list[int]:
    """Count what a replay could have written."""
    with bench.home.reading() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (contents, memories)
        ]


def test_the_replay_of_a_run_executes_its_loop_and_every_episode_and_finds_no_difference(
    bench: Workbench, run_id: str
) -> None:
    told: list[str] = []
    found = replay(bench, run_id, lambda thread: told.append(thread.thread_id))
    assert (found.is_same, list(found.lines()), found.not_replayed) == (True, [], [])
    assert told == [thread.thread_id for thread in found.threads]
    assert len(found.threads) == 11
    loop = [step.node for step in found.threads[0].steps]
    assert loop[:4] == ["supervise", "plan_batch", "run_episodes", "supervise"]


def test_the_replay_of_a_repaired_episode_executes_every_node_and_leaves_the_home_as_it_was(
    bench: Workbench, episodes: Episodes
) -> None:
    episode_id = episodes["add/3"]["episode_id"]
    before = (fingerprint(bench.saver, episode_id), counts(bench))
    found = replay(bench, episode_id[:8])
    assert [step.node for step in found.threads[0].steps] == REPAIRED
    assert found.summary() == f"{episode_id}: 9 nodes, no difference"
    assert (fingerprint(bench.saver, episode_id), counts(bench)) == before


def plant(monkeypatch: pytest.MonkeyPatch, node: str, change: Any) -> None:
    """Put another version of a node into the episode graph."""
    monkeypatch.setattr(episode_graph_module, node, change)


def test_a_planted_change_is_reported_at_its_node_and_nowhere_else(
    bench: Workbench, episodes: Episodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = episode_graph_module.review

    def review(state: Any, runtime: Any) -> Any:
        return {"review": {**original(state, runtime)["review"], "overfit": True}}

    review.__annotations__ = original.__annotations__
    plant(monkeypatch, "review", review)
    found = replay(bench, episodes["add/3"]["episode_id"])
    [(_, node, what)] = found.lines()
    assert (node, what) == ("review", "review.overfit: recorded False, now True")
    assert "1 of 9 nodes differ" in found.summary()
    assert "review.overfit" in found._repr_html_()


def test_a_change_of_what_the_model_is_asked_is_shown_as_a_difference_of_texts(
    bench: Workbench, episodes: Episodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nodes import generate as module

    asked = module.generation_messages
    monkeypatch.setattr(
        module, "generation_messages", lambda *given: [*asked(*given), {"role": "user", "content": "Be brief."}]
    )
    [(_, node, what)] = replay(bench, episodes["add/1"]["episode_id"]).lines()
    assert (node, what.splitlines()[0]) == ("generate", "attempts.0.request:")
    assert "Be brief." in what


def test_another_route_is_reported_at_the_node_that_chose_it(
    bench: Workbench, episodes: Episodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_execute(_state: Any) -> Any:
        return "review"

    after_execute.__annotations__ = episode_graph_module.after_execute.__annotations__
    plant(monkeypatch, "after_execute", after_execute)
    [(_, node, what)] = replay(bench, episodes["add/3"]["episode_id"]).lines()
    assert (node, what) == ("execute", "next node: recorded reflect, now review")


def test_a_node_that_raises_is_reported_and_the_others_are_replayed_all_the_same(
    bench: Workbench, episodes: Episodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reward(state: Any, runtime: Any) -> Any:
        raise PermanentError("broken")

    reward.__annotations__ = episode_graph_module.reward.__annotations__
    plant(monkeypatch, "reward", reward)
    found = replay(bench, episodes["add/1"]["episode_id"])
    assert [(node, what) for _, node, what in found.lines()] == [("reward", "raised PermanentError: broken")]
    assert [step.node for step in found.threads[0].steps][-1] == "remember"


def test_another_decision_of_the_loop_is_reported_at_its_node(
    bench: Workbench, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = loop_module.supervise

    def supervise(state: Any, runtime: Any) -> Any:
        found = original(state, runtime)
        return {"step": "measure_held_out"} if found["step"] == "end" else found

    supervise.__annotations__ = original.__annotations__
    monkeypatch.setattr(loop_module, "supervise", supervise)
    [step, route] = [(thread[:4], node, what) for thread, node, what in replay(bench, run_id).lines()]
    assert step == ("run-", "supervise", "step: recorded end, now measure_held_out")
    assert route == ("run-", "supervise", "next node: recorded (the end), now measure_held_out")


def test_an_episode_that_the_home_does_not_have_is_named(bench: Workbench) -> None:
    with pytest.raises(SetupError, match="no run and no episode 'nobody'"):
        replay(bench, "nobody")


def test_differences_are_named_by_their_path_and_what_is_measured_is_left_out() -> None:
    one = {"a": [1, {"cpu_s": 1.0, "x": "old"}], "gone": 1}
    two = {"a": [1, {"cpu_s": 2.0, "x": "new"}, 3]}
    found = differences(one, two)
    assert [(d.path, str(d.recorded), str(d.replayed)) for d in found] == [
        ("a.1.x", "old", "new"),
        ("a.2", "(absent)", "3"),
        ("gone", "1", "(absent)"),
    ]
    assert differences({"n": 1}, {"n": 1.0}) == [Difference(path="n", recorded=1, replayed=1.0)]
    assert differences(one, one) == []
