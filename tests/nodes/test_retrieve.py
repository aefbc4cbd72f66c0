from collections.abc import Callable
from typing import Any

import pytest

from nodes.retrieve import retrieve
from runtime.context import Context

TEXT = "total: Return the sum of two numbers."


@pytest.fixture
def found(episode_of: Any, task_of: Any, runtime_with: Any) -> Callable[..., list[str]]:
    """Run `retrieve` at a horizon; return the ids it found."""

    def run(
        watermark: int = 0, run_id: str = "run-1", batch: int = 1, snapshot: str = "s", **settings: Any
    ) -> list[str]:
        horizon = {"watermark": watermark, "run_id": run_id, "batch": batch}
        episode = episode_of(task_of(), horizon=horizon, memory_snapshot=snapshot)
        writes = retrieve({"episode": episode}, runtime_with(settings))
        return [memory["memory_id"] for memory in writes["memories"]]

    return run


def test_an_episode_sees_what_earlier_batches_of_its_run_wrote(found: Any, remembered: Any) -> None:
    earlier = remembered(TEXT, batch=0)
    remembered(TEXT, batch=1)
    remembered(TEXT, batch=2)
    assert found(batch=1) == [earlier]
    assert found(batch=0) == []


def test_an_episode_sees_other_runs_up_to_where_its_own_began(found: Any, remembered: Any, context: Context) -> None:
    before = remembered(TEXT, run_id="run-0", batch=5)
    watermark = context.memory.watermark()
    remembered(TEXT, run_id="run-9")
    assert found(watermark=watermark) == [before]
    assert found(watermark=0) == []


def test_what_happened_is_no_help_only_what_is_true_or_can_be_run(found: Any, remembered: Any) -> None:
    kinds = {kind: remembered(f"{TEXT} {kind}", kind=kind) for kind in ("episodic", "semantic", "procedural")}
    assert set(found()) == {kinds["semantic"], kinds["procedural"]}


def test_the_settings_say_how_many_are_found_and_none_is_none(found: Any, remembered: Any) -> None:
    for number in range(5):
        remembered(f"{TEXT} {number}")
    assert [len(found(memories=count)) for count in (0, 2, 5)] == [0, 2, 5]


def test_nothing_is_searched_where_nothing_is_visible(found: Any, remembered: Any) -> None:
    remembered(TEXT)
    assert found(snapshot="") == []


def test_a_memory_of_something_else_is_not_found(found: Any, remembered: Any) -> None:
    remembered("paint: Fill a canvas with colour.")
    assert found() == []


def test_the_score_in_the_state_is_a_plain_float(episode_of: Any, task_of: Any, runtime: Any, remembered: Any) -> None:
    remembered(TEXT)
    episode = episode_of(task_of(), memory_snapshot="s", horizon={"watermark": 0, "run_id": "run-1", "batch": 1})
    [memory] = retrieve({"episode": episode}, runtime)["memories"]
    assert type(memory["score"]) is float


def test_where_memories_are_shuffled_another_task_is_asked_about(
    episode_of: Any, task_of: Any, runtime: Any, remembered: Any, context: Context
) -> None:
    other = remembered("paint: Fill a canvas with colour.", batch=0)
    remembered(TEXT, batch=0)
    [address] = context.tasks.put([task_of(prompt='def paint(c):\n    """Fill a canvas."""\n', entry_point="paint")])
    horizon = {"watermark": 0, "run_id": "run-1", "batch": 1}
    episode = episode_of(task_of(), horizon=horizon, memory_snapshot="s", recall=address)
    assert retrieve({"episode": episode}, runtime)["memories"][0]["memory_id"] == other
