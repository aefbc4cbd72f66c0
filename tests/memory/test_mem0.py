"""mem0's public methods: the same calls, checks and shapes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory.mem0 import Memory
from memory.mem0_shapes import ValidationError

ANN = {"user_id": "ann"}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    opened = Memory.from_config({"home": tmp_path / "home"})
    yield opened
    opened.close()


def add(memory: Memory, text: Any, **options: Any) -> list[str]:
    given: dict[str, Any] = {"user_id": "ann", "infer": False, **options}
    return [item["id"] for item in memory.add(text, **given)["results"]]


def texts(found: dict[str, Any]) -> list[str]:
    return [item["memory"] for item in found["results"]]


def test_messages_are_added_but_for_system_ones(memory: Memory) -> None:
    messages = [{"role": "user", "content": "I like tea", "name": "ann"}, {"role": "system", "content": "be brief"}]
    (result,) = memory.add(messages, user_id="ann", infer=False)["results"]
    expected = {"memory": "I like tea", "event": "ADD", "actor_id": "ann", "role": "user"}
    assert {key: value for key, value in result.items() if key != "id"} == expected


def test_the_same_text_twice_is_two_memories_without_infer_and_one_with_it(memory: Memory) -> None:
    assert len(set(add(memory, "I like tea") + add(memory, "I like tea"))) == 2
    again = [add(memory, "I like coffee", infer=True) for _ in range(2)]
    assert [len(ids) for ids in again] == [1, 0]


def test_a_memory_has_the_fields_of_mem0(memory: Memory) -> None:
    (memory_id,) = add(memory, "I like tea", run_id=" r1 ", metadata={"k": 1})
    item = memory.get(memory_id)
    assert item is not None
    assert (item["user_id"], item["run_id"], item["metadata"], item["score"]) == ("ann", "r1", {"k": 1}, None)
    assert item["hash"] == "5dba890347a8644a0a37f670d5afb6fa"
    assert item["created_at"] == item["updated_at"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.add("x"), ValidationError, "At least one of 'user_id'"),
        (lambda m: m.add("x", user_id=" "), ValueError, "Invalid user_id: cannot be empty"),
        (lambda m: m.add("x", user_id="a b"), ValueError, "Invalid user_id: cannot contain whitespace"),
        (lambda m: m.add(3, user_id="a"), ValidationError, "messages must be str, dict, or list"),
        (lambda m: m.add("x", user_id="a", memory_type="no"), ValidationError, "Invalid 'memory_type'"),
        (lambda m: m.add("x", user_id="a", expiration_date="soon"), ValueError, "valid date in YYYY-MM-DD"),
        (lambda m: m.add("", user_id="a", infer=False), ValueError, "needs a text"),
        (lambda m: m.get_all(user_id="a"), ValueError, "not supported in get_all"),
        (lambda m: m.get_all(), ValueError, "filters must contain at least one of"),
        (lambda m: m.get_all(filters={"k": 1}), ValueError, "filters must contain at least one of"),
        (lambda m: m.get_all(filters=ANN, top_k=-1), ValueError, "Invalid top_k: -1"),
        (lambda m: m.get_all(filters={**ANN, "k": {"like": 1}}), ValueError, "no filter operator"),
        (lambda m: m.search("x", user_id="a"), ValueError, r"not supported in search\(\)"),
        (lambda m: m.search("x"), ValueError, "filters must contain at least one of"),
        (lambda m: m.search(" ", filters=ANN), ValueError, "cannot be empty or whitespace-only"),
        (lambda m: m.search(3, filters=ANN), ValueError, "must be a non-empty string"),
        (lambda m: m.search("x", filters=ANN, threshold=1.5), ValueError, "Invalid threshold: 1.5"),
        (lambda m: m.search("x", filters=ANN, threshold="1"), ValueError, "threshold must be a valid number"),
        (lambda m: m.search("x", filters=ANN, top_k="3"), ValueError, "top_k must be a valid integer"),
        (lambda m: m.update("no", "x"), ValueError, "Memory with id no not found"),
        (lambda m: m.delete("no"), ValueError, "Memory with id no not found"),
        (lambda m: m.delete_all(), ValueError, "At least one filter is required"),
        (lambda m: m.chat("x"), NotImplementedError, "not implemented yet"),
    ],
)
def test_what_means_nothing_is_refused_as_mem0_does(memory: Memory, call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call(memory)


def test_ids_and_metadata_filter(memory: Memory) -> None:
    add(memory, "one", metadata={"k": 1})
    add(memory, "two", agent_id="bot", metadata={"k": 2})
    assert texts(memory.get_all(filters={"agent_id": "bot"})) == ["two"]
    assert texts(memory.get_all(filters={**ANN, "k": {"gte": 1, "lt": 2}})) == ["one"]
    assert texts(memory.get_all(filters={**ANN, "OR": [{"k": 1}, {"k": 2}]}, top_k=1)) == ["one"]
    assert memory.search("two", filters=ANN, top_k=0) == {"results": []}


def test_an_expired_memory_is_shown_only_on_request(memory: Memory) -> None:
    add(memory, "gone tea", expiration_date="2001-01-01")
    add(memory, "fresh tea", expiration_date="2999-01-01")
    assert texts(memory.get_all(filters=ANN)) == texts(memory.search("tea", filters=ANN)) == ["fresh tea"]
    assert len(texts(memory.get_all(filters=ANN, show_expired=True))) == 2


def test_a_keyword_is_enough_to_be_found_and_scores_obey_the_threshold(memory: Memory) -> None:
    add(memory, "the cat sleeps all day on the warm roof of the old barn near the river and dreams of mice")
    add(memory, "green tea")
    (best,) = memory.search("green tea", filters=ANN, threshold=0.9, explain=True)["results"]
    assert best["score"] == pytest.approx(1.0)
    assert best["score_details"]["final_score"] == best["score"]
    assert len(texts(memory.search("where is the barn", filters=ANN))) == 1


def test_an_update_keeps_the_id_and_merges_metadata(memory: Memory) -> None:
    (memory_id,) = add(memory, "I like green tea", metadata={"k": 1})
    assert memory.update(memory_id, "I like black tea", metadata={"z": 2}) == {
        "message": "Memory updated successfully!"
    }
    item = memory.get(memory_id)
    assert item is not None
    assert (item["memory"], item["metadata"]) == ("I like black tea", {"k": 1, "z": 2})
    assert texts(memory.get_all(filters={**ANN, "z": 2})) == ["I like black tea"]


def test_history_outlives_a_delete(memory: Memory) -> None:
    (memory_id,) = add(memory, "one")
    memory.update(memory_id, data="two")
    memory.delete(memory_id)
    rows = [(row["event"], row["old_memory"], row["new_memory"]) for row in memory.history(memory_id)]
    assert rows == [("ADD", None, "one"), ("UPDATE", "one", "two"), ("DELETE", "two", None)]
    assert memory.get(memory_id) is None
    assert memory.get_all(filters=ANN) == {"results": []}


def test_delete_all_and_reset_reach_no_further_than_they_say(memory: Memory, tmp_path: Path) -> None:
    (memory_id,) = add(memory, "one")
    add(memory, "two", user_id="bob")
    memory.delete_all(user_id="ann")
    assert texts(memory.get_all(filters={"user_id": "bob"})) == ["two"]
    memory.reset()
    assert (memory.get_all(filters={"user_id": "bob"}), memory.history(memory_id)) == ({"results": []}, [])


def test_neighbours_of_one_conversation_are_found_together(memory: Memory) -> None:
    add(memory, [{"role": "user", "content": "What did you paint?"}, {"role": "assistant", "content": "A lighthouse."}])
    assert texts(memory.search("paint", filters=ANN)) == ["What did you paint?", "A lighthouse."]


def test_a_fact_that_is_inferred_supersedes_the_older_one(memory: Memory) -> None:
    add(memory, "I live in Paris. Where do you live?", infer=True)
    add(memory, "I moved to Rome.", infer=True)
    assert texts(memory.get_all(filters=ANN)) == ["I moved to Rome."]
