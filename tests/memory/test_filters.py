"""Filters, listing and pages."""

from typing import Any

import pytest

from memory.index import Sight
from memory.recall import Recall, Search
from memory.record import Draft, MemoryRefusedError, Scope
from memory.records import Records

ANN = Scope(user="ann")
ITEMS: list[dict[str, Any]] = [
    {"language": "python", "tests": 3, "tags": ["graph", "easy"]},
    {"language": "rust", "tests": 10, "tags": []},
    {"language": "Python 2", "tests": "many"},
    {},
]


@pytest.fixture
def filled(records: Records, recall: Recall) -> Recall:
    drafts = [Draft(text=f"item {n}", cause=str(n), scope=ANN, attributes=item) for n, item in enumerate(ITEMS)]
    records.add(drafts)
    return recall


def listed(recall: Recall, filters: dict[str, Any]) -> str:
    records = recall.listed(ANN, sight=Sight(), filters=filters)
    return "".join(record.text.removeprefix("item ") for record in records)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"language": "python"}, "0"),
        ({"language": {"ne": "python"}}, "123"),
        ({"language": {"in": ["python", "rust"]}}, "01"),
        ({"language": {"nin": ["python", "rust"]}}, "23"),
        ({"tests": {"gt": 3}}, "1"),
        ({"tests": {"gte": 3, "lt": 10}}, "0"),
        ({"tests": {"lte": 10}}, "01"),
        ({"tags": {"contains": "graph"}}, "0"),
        ({"language": {"contains": "ython"}}, "02"),
        ({"language": {"icontains": "PYTHON"}}, "02"),
        ({"language": "*"}, "012"),
        ({"OR": [{"language": "rust"}, {"tests": 3}]}, "01"),
        ({"AND": [{"language": "*"}, {"NOT": [{"tests": 3}]}]}, "12"),
        ({"NOT": {"language": "*"}}, "3"),
        ({"language": "rust", "tests": 3}, ""),
        ({"user_id": "ann", "kind": "semantic"}, "0123"),
        ({"nowhere": 1}, ""),
        ({}, "0123"),
    ],
)
def test_a_filter_keeps_what_matches(filled: Recall, filters: dict[str, Any], expected: str) -> None:
    assert listed(filled, filters) == expected


@pytest.mark.parametrize("filters", [{"a": {"like": 1}}, {"a": {"in": 3}}, {"OR": {"a": 1}}, {"AND": [3]}])
def test_a_filter_that_means_nothing_is_refused(filled: Recall, filters: dict[str, Any]) -> None:
    with pytest.raises(MemoryRefusedError, match="filter"):
        listed(filled, filters)


def test_a_search_obeys_filters_without_changing_the_scores(filled: Recall) -> None:
    everything = {hit.record.text: hit.score for hit in filled.search(Search(text="item", scope=ANN))}
    (one,) = filled.search(Search(text="item", scope=ANN, filters={"language": "rust"}))
    assert (one.record.text, one.score) == ("item 1", everything["item 1"])


def test_pages_follow_each_other_without_gaps(filled: Recall) -> None:
    pages = [filled.search(Search(text="item", scope=ANN, limit=2, offset=offset)) for offset in (0, 2, 4)]
    assert sorted(hit.record.text for page in pages for hit in page) == [f"item {n}" for n in range(4)]


def test_a_search_sees_all_that_agrees_with_its_scope_and_nothing_else(records: Records, recall: Recall) -> None:
    scopes = [Scope(user="ann", run="1"), Scope(user="ann", run="2"), Scope(user="bob", run="1")]
    records.add([Draft(text=f"tea {scope}", cause="c", scope=scope) for scope in scopes])
    assert len(recall.search(Search(text="tea", scope=ANN))) == 2
    assert len(recall.search(Search(text="tea", scope=scopes[1]))) == 1


def test_a_search_without_a_scope_is_refused(recall: Recall) -> None:
    with pytest.raises(MemoryRefusedError, match="needs a scope"):
        recall.search(Search(text="tea", scope=Scope()))


def test_what_has_expired_is_neither_found_nor_listed(records: Records, recall: Recall) -> None:
    records.add([Draft(text="gone tea", cause="1", scope=ANN, expires_at=999.0)])
    records.add([Draft(text="fresh tea", cause="2", scope=ANN, expires_at=1001.0)])
    assert [hit.record.text for hit in recall.search(Search(text="tea", scope=ANN))] == ["fresh tea"]
    assert [record.text for record in recall.listed(ANN, sight=Sight())] == ["fresh tea"]
