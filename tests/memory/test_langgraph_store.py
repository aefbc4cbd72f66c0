"""LangGraph's `BaseStore` over the memory."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import GetOp, InvalidNamespaceError, Item, PutOp, SearchOp
from typing_extensions import TypedDict

from memory.langgraph_store import RatchetStore, draft_of
from memory.records import Records
from memory.transfer import faults
from storage.engine import Home
from tests.memory.conftest import Clock

ANN = ("users", "ann")


@pytest.fixture
def store(home: Home, clock: Clock) -> Iterator[RatchetStore]:
    opened = RatchetStore(home, ttl={"refresh_on_read": True}, now=clock)
    yield opened
    opened.close()


def keys(items: list[Any]) -> list[str]:
    return [item.key for item in items]


def test_an_item_is_put_got_replaced_and_deleted(store: RatchetStore) -> None:
    store.put(ANN, "tea", {"likes": "green"})
    store.put(ANN, "tea", {"likes": "black"})
    item = store.get(ANN, "tea")
    assert isinstance(item, Item)
    assert (item.namespace, item.key, item.value) == (ANN, "tea", {"likes": "black"})
    store.delete(ANN, "tea")
    assert store.get(ANN, "tea") is None


@pytest.mark.usefixtures("either_database")
def test_items_outlive_the_store_and_are_seen_by_others(store: RatchetStore, home: Home) -> None:
    store.put(ANN, "tea", {"likes": "green"})
    other = RatchetStore(home)
    assert keys(other.search(ANN)) == ["tea"]
    store.delete(ANN, "tea")
    assert other.search(ANN) == []
    other.close()


def test_a_query_ranks_and_what_it_does_not_find_comes_last(store: RatchetStore) -> None:
    for key, text in (("a", "walks the dog"), ("b", "likes green tea"), ("c", "tea")):
        store.put(ANN, key, {"text": text})
    found = store.search(ANN, query="green tea")
    assert keys(found) == ["b", "c", "a"]
    assert found[-1].score is None


def test_with_embeddings_the_best_field_decides(home: Home) -> None:
    index: Any = {"dims": 8, "embed": DeterministicFakeEmbedding(size=8), "fields": ["one", "other"]}
    store = RatchetStore(home, index=index)
    store.put(ANN, "a", {"one": "sun", "other": "moon"})
    store.put(ANN, "b", {"one": "star", "other": "cloud"})
    best = store.search(ANN, query="moon")[0]
    assert (best.key, best.score) == ("a", pytest.approx(1.0, abs=1e-5))
    store.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"n": 1}, ["a"]),
        ({"n": {"$gte": 2}}, ["b"]),
        ({"n": {"$ne": 1}}, ["b", "c"]),
        ({"deep": {"x": [1, 2]}}, ["c"]),
        ({"deep.x": [1, 2]}, ["c"]),
        ({"nowhere": 1}, []),
    ],
)
def test_filters_compare_values(store: RatchetStore, wanted: dict[str, Any], found: list[str]) -> None:
    for key, value in (("a", {"n": 1}), ("b", {"n": 2}), ("c", {"deep": {"x": [1, 2]}})):
        store.put(ANN, key, value)
    assert keys(store.search(("users",), filter=wanted)) == found


def test_an_unknown_operator_is_refused(store: RatchetStore) -> None:
    store.put(ANN, "a", {"n": 1})
    with pytest.raises(ValueError, match="no filter operator"):
        store.search(ANN, filter={"n": {"$like": 1}})


def test_namespaces_are_listed_by_prefix_suffix_and_depth(store: RatchetStore) -> None:
    for namespace in (("a", "b", "c"), ("a", "d", "c"), ("e",)):
        store.put(namespace, "k", {})
    assert store.list_namespaces(prefix=("a", "*")) == [("a", "b", "c"), ("a", "d", "c")]
    assert store.list_namespaces(suffix=("d", "c")) == [("a", "d", "c")]
    assert store.list_namespaces(max_depth=1) == [("a",), ("e",)]
    assert store.list_namespaces(limit=1, offset=2) == [("e",)]


def test_an_item_lives_as_long_as_it_is_read(store: RatchetStore, clock: Clock) -> None:
    store.put(ANN, "tea", {"x": 1}, ttl=1)
    clock.now += 50
    assert store.get(ANN, "tea") is not None
    clock.now += 50
    assert keys(store.search(ANN, refresh_ttl=False)) == ["tea"]
    clock.now += 50
    assert (store.get(ANN, "tea"), store.search(ANN), store.sweep_ttl(), store.sweep_ttl()) == (None, [], 1, 0)


@pytest.mark.usefixtures("either_database")
def test_a_sweeper_deletes_what_has_expired_until_it_is_stopped(store: RatchetStore, clock: Clock, home: Home) -> None:
    store.put(ANN, "tea", {"x": 1}, ttl=1)
    clock.now += 100
    store.start_ttl_sweeper(sweep_interval_minutes=0.0001)
    memory_log = Records(home)
    memory_id = draft_of(ANN, "tea", {}, "-").memory_id
    while memory_id in memory_log.get([memory_id]):
        pass
    store.stop_ttl_sweeper()
    assert [entry.event for entry in memory_log.history(memory_id)] == ["add", "forget"]


def test_a_batch_reads_what_was_there_before_it(store: RatchetStore) -> None:
    store.put(ANN, "tea", {"x": 1})
    ops = [PutOp(ANN, "tea", {"x": 2}), GetOp(ANN, "tea"), SearchOp(ANN), PutOp(ANN, "new", {})]
    item = store.batch(ops)[1]
    assert isinstance(item, Item)
    assert item.value == {"x": 1}
    assert keys(store.search(ANN)) == ["tea", "new"]


def test_a_namespace_that_means_two_things_is_refused(store: RatchetStore) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.batch([PutOp(("a.b",), "k", {})])


@pytest.mark.usefixtures("either_database")
def test_every_change_is_in_the_audit_trail(store: RatchetStore, home: Home) -> None:
    store.put(ANN, "tea", {"x": 1})
    store.put(ANN, "tea", {"x": 2}, ttl=1)
    store.delete(ANN, "tea")
    assert faults(Records(home)) == []


def test_a_graph_uses_it_as_its_store(store: RatchetStore) -> None:
    class State(TypedDict):
        text: str

    def remember(state: State, runtime: Runtime) -> dict[str, str]:
        assert runtime.store is not None
        runtime.store.put(ANN, "said", {"text": state["text"]})
        return {}

    graph = StateGraph(State).add_node("remember", remember).add_edge(START, "remember").compile(store=store)
    graph.invoke({"text": "hello"})
    item = asyncio.run(store.aget(ANN, "said"))
    assert item is not None
    assert item.value == {"text": "hello"}
