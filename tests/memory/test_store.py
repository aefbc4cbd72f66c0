"""What the loop asks of its memory: add, search inside a horizon, snapshots."""

import threading
from pathlib import Path

import pytest

from memory.store import MemoryStore
from state.errors import RatchetError
from state.memory_item import Horizon, MemoryDraft, MemoryKind, MemoryQuery
from storage.engine import open_home

EVERYTHING: Horizon = {"watermark": 2**62, "run_id": "", "batch": 0}


def draft(text: str, *, kind: MemoryKind = "episodic", run: str = "run", batch: int = 0) -> MemoryDraft:
    origin = {"run_id": run, "batch": batch, "episode_id": f"e:{text}"}
    return {
        "kind": kind, "cause": text, "text": text, "code": "", "entry_point": "", "signature": "", "importance": 0.5,
        "origin": origin,
    }  # fmt: skip


def query(text: str, *, kinds: tuple[MemoryKind, ...] = ("episodic",), horizon: Horizon = EVERYTHING) -> MemoryQuery:
    return {"text": text, "kinds": list(kinds), "limit": 3, "horizon": horizon}


@pytest.fixture
def store(tmp_path: Path, database_url: str):
    home = open_home(tmp_path, database_url)
    memory = MemoryStore(home, now=lambda: 1000.0)
    yield memory
    memory.close()
    home.close()


def test_a_memory_is_found_by_its_words_in_another_form(store: MemoryStore) -> None:
    wanted = store.add(draft("sorting lists of intervals"))
    store.add(draft("parse a date"))
    assert [hit["memory_id"] for hit in store.search(query("How would you sort an interval?"))] == [wanted]


def test_an_identifier_is_found_by_its_parts(store: MemoryStore) -> None:
    wanted = store.add(draft("def min_cost_path(grid)"))
    assert [hit["memory_id"] for hit in store.search(query("minCost"))] == [wanted]


@pytest.mark.usefixtures("either_database")
def test_the_same_cause_twice_leaves_one_memory(store: MemoryStore) -> None:
    assert store.add(draft("once")) == store.add(draft("once"))
    assert store.watermark() == 1


def test_the_same_cause_as_another_kind_is_another_memory(store: MemoryStore) -> None:
    assert store.add(draft("once")) != store.add(draft("once", kind="semantic"))


def test_a_search_names_the_score_and_where_it_came_from(store: MemoryStore) -> None:
    store.add(draft("binary search"))
    (hit,) = store.search(query("binary"))
    assert hit["score"] > 0
    assert hit["why"].startswith("bm25 ")


def test_only_the_asked_kinds_are_found(store: MemoryStore) -> None:
    store.add(draft("binary search"))
    skill = store.add(draft("binary search", kind="procedural"))
    assert [hit["memory_id"] for hit in store.search(query("binary", kinds=("procedural",)))] == [skill]


@pytest.mark.usefixtures("either_database")
def test_nothing_of_the_same_batch_or_of_a_later_run_is_seen(store: MemoryStore) -> None:
    store.add(draft("binary a", run="earlier"))
    watermark = store.watermark()
    for name, run, batch in (("binary b", "mine", 0), ("binary c", "mine", 1), ("binary d", "other", 0)):
        store.add(draft(name, run=run, batch=batch))
    horizon: Horizon = {"watermark": watermark, "run_id": "mine", "batch": 1}
    assert sorted(hit["text"] for hit in store.search(query("binary", horizon=horizon))) == ["binary a", "binary b"]


def test_what_is_out_of_sight_does_not_change_scores(store: MemoryStore) -> None:
    store.add(draft("binary search tree"))
    horizon: Horizon = {"watermark": store.watermark(), "run_id": "mine", "batch": 1}
    before = store.search(query("binary", horizon=horizon))
    for number in range(20):
        store.add(draft(f"binary number {number}", run="mine", batch=1))
    assert store.search(query("binary", horizon=horizon)) == before


def test_scores_and_snapshot_do_not_depend_on_the_order_of_writing(tmp_path: Path) -> None:
    texts = [f"word{number % 7} other{number % 3} thing" for number in range(30)]
    results = []
    for name, ordered in (("a", texts), ("b", texts[::-1])):
        home = open_home(tmp_path / name)
        memory = MemoryStore(home, now=lambda: 0.0)
        for text in ordered:
            memory.add(draft(text))
        results.append((memory.search(query("word1 other2 thing")), memory.snapshot(EVERYTHING)))
        memory.close()
        home.close()
    assert results[0] == results[1]


def test_a_snapshot_changes_with_what_is_seen_and_only_then(store: MemoryStore) -> None:
    horizon: Horizon = {"watermark": 0, "run_id": "run", "batch": 1}
    assert store.snapshot(horizon) == ""
    store.add(draft("one", batch=0))
    first = store.snapshot(horizon)
    store.add(draft("two", batch=1))
    assert first == store.snapshot(horizon) != ""


@pytest.mark.usefixtures("either_database")
def test_another_process_of_the_home_is_seen_at_once(store: MemoryStore, tmp_path: Path, database_url: str) -> None:
    home = open_home(tmp_path, database_url)
    other = MemoryStore(home)
    assert store.search(query("quick")) == []
    other.add(draft("quick sort"))
    assert [hit["text"] for hit in store.search(query("quick"))] == ["quick sort"]
    other.close()
    home.close()


@pytest.mark.usefixtures("either_database")
def test_threads_may_share_a_store(store: MemoryStore) -> None:
    def work(name: int) -> None:
        for number in range(20):
            store.add(draft(f"thread {name} item {number}"))
            store.search(query(f"thread item {number}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.watermark() == 160
    assert len(store.search({**query("thread"), "limit": 200})) == 160


def test_an_unknown_id_is_refused(store: MemoryStore) -> None:
    with pytest.raises(RatchetError, match="no memory"):
        store.get(["nothing"])


@pytest.mark.usefixtures("either_database")
def test_care_between_two_batches_is_seen_by_the_later_one_only(store: MemoryStore) -> None:
    for number in range(20):
        store.add(draft(f"sorting a list of numbers, attempt {number}", batch=0))
    before, after = ({"watermark": 0, "run_id": "run", "batch": batch} for batch in (1, 2))
    care = store.care(after, began=0.0)  # type: ignore[arg-type]
    care.cluster()
    care.consolidate()
    (summary,) = care.log("consolidate", 0).added
    asked = query("attempts at sorting numbers", kinds=("semantic",))
    assert store.search({**asked, "horizon": before}) == []  # type: ignore[typeddict-item]
    assert [hit["memory_id"] for hit in store.search({**asked, "horizon": after})] == [summary]  # type: ignore[typeddict-item]


def test_a_closed_horizon_finds_what_was_written_before_its_first_search(store: MemoryStore) -> None:
    def found(batch: int) -> list[str]:
        horizon: Horizon = {"watermark": 0, "run_id": "run", "batch": batch}
        return sorted(hit["text"] for hit in store.search({**query("walnut", horizon=horizon), "closed": True}))

    store.add(draft("walnut one", batch=0))
    assert found(1) == ["walnut one"]
    store.add(draft("walnut two", batch=1))

    assert (found(1), found(2)) == (["walnut one"], ["walnut one", "walnut two"])
