"""Counts and the map."""

from xml.etree import ElementTree

import pytest

from memory.caching import HitRate, kept_rates
from memory.lifecycle import Use, note_uses
from memory.overview import memory_map, stats
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records

pytestmark = pytest.mark.usefixtures("either_database")

ANN = Scope(user="ann")


def test_stats_count_kinds_states_and_uses(records: Records, recall: Recall) -> None:
    one, _ = records.add([Draft(text=text, cause=text, scope=ANN) for text in ("tea", "coffee")])
    with records.changing() as writer:
        writer.move(writer.read([one])[one], "archived", cause="test")
    note_uses(records.home, [Use(one, "e", None, None)], at=0.0)
    found = stats(records, recall, ANN)
    assert (found["memories"], found["uses"], found["scopes"]) == (2, 1, {"user=ann": 2})
    assert found["counts"] == {"semantic": {"archived": 1, "active": 1}}
    assert found["disk"]["database"] > found["disk"]["texts"] > 0


def test_hit_rates_outlive_the_process_that_made_them(records: Records) -> None:
    records.add([Draft(text="tea", cause="1", scope=ANN)])
    for _ in range(2):
        recall = Recall(records.home)
        for _ in range(2):
            recall.search(Search(text="tea", scope=ANN))
        recall.close()
    assert kept_rates(records.home)["answers"] == HitRate(hits=2, misses=2)


def test_the_map_draws_every_memory_and_escapes_what_it_says(records: Records, recall: Recall) -> None:
    records.add([Draft(text=f"<b>tea & {number}</b>", cause=str(number), scope=ANN) for number in range(3)])
    page = memory_map(records, recall, ANN)
    svg = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    assert [title.text for title in svg.findall(".//{*}title")] == [f"<b>tea & {number}</b>" for number in range(3)]
    assert "http" not in page.replace("http://www.w3.org/2000/svg", ""), "but for the name of the language"


def test_the_map_of_nothing_is_empty(records: Records, recall: Recall) -> None:
    assert "0 memories in 0 groups" in memory_map(records, recall, ANN)
