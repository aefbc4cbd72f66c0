from collections.abc import Iterator
from typing import Any, TypedDict

import pytest
from langgraph.errors import GraphDrained
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl, Runtime

from checkpoints.savers import Saver, close_saver, open_saver
from checkpoints.threads import drive, thread_config
from state.errors import SetupError, TransientError
from storage.engine import Home


class Sums(TypedDict, total=False):
    n: int


class World:
    """What happens outside: which nodes ran, and how often `two` still fails."""

    def __init__(self, failures: int = 0) -> None:
        self.ran: list[str] = []
        self.failures = failures


def one(state: Sums, runtime: Runtime[World]) -> Sums:
    runtime.context.ran.append("one")
    return {"n": state["n"] + 1}


def two(state: Sums, runtime: Runtime[World]) -> Sums:
    runtime.context.ran.append("two")
    if runtime.context.failures:
        runtime.context.failures -= 1
        raise TransientError("not now")
    return {"n": state["n"] * 10}


@pytest.fixture
def saver(home: Home) -> Iterator[Saver]:
    opened = open_saver(home)
    yield opened
    close_saver(opened)


@pytest.fixture
def graph(saver: Saver) -> Any:
    """Add one, then multiply by ten."""
    builder = StateGraph(Sums, context_schema=World)
    builder.add_node("one", one)
    builder.add_node("two", two)
    builder.add_edge(START, "one")
    builder.add_edge("one", "two")
    builder.add_edge("two", END)
    return builder.compile(checkpointer=saver)


CONFIG = thread_config("t", "version-1")


def test_a_new_thread_runs_from_its_start_to_its_end(graph: Any) -> None:
    world = World()
    assert drive(graph, CONFIG, {"n": 1}, world) == {"n": 20}
    assert world.ran == ["one", "two"]


def test_a_thread_that_was_interrupted_continues_with_the_node_that_broke(graph: Any) -> None:
    world = World(failures=2)
    for _ in range(2):
        with pytest.raises(TransientError):
            drive(graph, CONFIG, {"n": 1}, world)
    assert drive(graph, CONFIG, {"n": 500}, world) == {"n": 20}, "the start counts for a new thread only"
    assert world.ran == ["one", "two", "two", "two"]


def test_a_finished_thread_is_read_and_nothing_runs(graph: Any, saver: Saver) -> None:
    drive(graph, CONFIG, {"n": 1}, World())
    before, world = list(saver.list(CONFIG)), World()
    assert drive(graph, CONFIG, {"n": 500}, world) == {"n": 20}
    assert world.ran == []
    assert list(saver.list(CONFIG)) == before


def test_a_thread_that_was_asked_to_stop_ends_after_its_node_and_continues_later(graph: Any) -> None:
    world, control = World(), RunControl()
    world.ran = Drain(control)
    with pytest.raises(GraphDrained):
        drive(graph, CONFIG, {"n": 1}, world, control)
    assert world.ran == ["one"]
    assert drive(graph, CONFIG, {"n": 1}, world) == {"n": 20}


class Drain(list[str]):
    """A list that asks for a stop when the first node enters itself."""

    def __init__(self, control: RunControl) -> None:
        super().__init__()
        self._control = control

    def append(self, node: str) -> None:
        super().append(node)
        self._control.request_drain("enough")


def test_a_finished_thread_of_another_version_of_the_graph_is_read(graph: Any) -> None:
    drive(graph, CONFIG, {"n": 1}, World())
    assert drive(graph, thread_config("t", "version-2"), {"n": 1}, World()) == {"n": 20}


def test_a_half_done_thread_of_another_version_of_the_graph_is_refused_and_left_alone(graph: Any) -> None:
    world = World(1)
    with pytest.raises(TransientError):
        drive(graph, CONFIG, {"n": 1}, world)
    with pytest.raises(SetupError, match=r"thread t was begun by another version .* \(version-1, now version-2\)"):
        drive(graph, thread_config("t", "version-2"), {"n": 1}, world)
    assert drive(graph, CONFIG, {"n": 1}, world) == {"n": 20}


def test_threads_do_not_see_each_other(graph: Any) -> None:
    ends = [drive(graph, thread_config(name, "version-1"), {"n": n}, World()) for name, n in (("a", 1), ("b", 2))]
    assert ends == [{"n": 20}, {"n": 30}]


def test_a_graph_without_a_saver_just_runs() -> None:
    builder = StateGraph(Sums, context_schema=World)
    builder.add_node("one", one)
    builder.add_edge(START, "one")
    assert drive(builder.compile(), CONFIG, {"n": 1}, World()) == {"n": 2}
