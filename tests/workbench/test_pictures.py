"""Pictures are SVG of our own: well formed, escaped, and they show what they are given."""

import re
from xml.etree import ElementTree

import pytest

from batch.optimisation_summary import CandidateSummary, OptimisationSummary
from checkpoints.lineage import Lineage
from state.errors import SetupError
from state.ledger import FinishedEpisode
from telemetry.tree import Span
from workbench import Changes, Workbench, candidate_tree, draw, episodes, fork, profile, report, search, story, trace
from workbench.drawing import GRAPHS
from workbench.svg import Picture, picture, text

Episodes = dict[str, FinishedEpisode]
TEXT = "{http://www.w3.org/2000/svg}text"


def texts(drawn: Picture) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawn.svg).iter(TEXT)]


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_is_drawn_with_all_its_nodes_and_edges(name: str) -> None:
    graph = GRAPHS[name]().compile().get_graph()
    drawn = draw(name)
    assert sorted(texts(drawn)) == sorted(node.strip("_") for node in graph.nodes)
    both_ways = {frozenset(e[:2]) for e in graph.edges if any(o[:2] == (e.target, e.source) for o in graph.edges)}
    lines = len(re.findall(r"marker-end", drawn.svg))
    assert len(graph.edges) - len(both_ways) <= lines <= len(graph.edges)


def test_an_unknown_graph_is_named_with_those_that_there_are() -> None:
    with pytest.raises(SetupError, match="have: episode, learning_loop"):
        draw("episodes")


def test_the_way_of_an_episode_says_how_often_its_nodes_ran(bench: Workbench, episodes: Episodes) -> None:
    [repaired] = [row for row in episodes.values() if row["solved"] and not row["solved_first"]][:1]
    assert {"generate ×2", "execute ×2", "reflect", "ask"} <= set(texts(story(bench, repaired["episode_id"]).way))


def test_what_is_drawn_is_escaped() -> None:
    drawn = picture("<b>", 10, 10, text(1, 1, "a < b & <script>"))
    assert texts(drawn) == ["a < b & <script>"]
    assert "<script>" not in drawn.svg


def test_a_trace_is_drawn_span_by_span_and_exported(bench: Workbench, episodes: Episodes) -> None:
    found = trace(bench, episodes["add/1"]["episode_id"])
    names = [span.name for span in found.spans]
    assert [words for words in texts(found.picture) if words in names] == names
    exported = found.otel()["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [span["name"] for span in exported] == names


def test_a_profile_adds_up_the_nodes_of_every_episode_that_the_run_executed(bench: Workbench, run_id: str) -> None:
    found = profile(bench, run_id)
    by_name = {node.name: node for node in found.nodes}
    rows = [row for _, row in bench.ledger.episodes_of(run_id)]
    assert (found.episodes, by_name["reward"].count) == (len(rows), len(rows))
    assert by_name["model"].count == sum(row["attempts"] for row in rows)
    assert by_name["model"].tokens == sum(row["prompt_tokens"] + row["completion_tokens"] for row in rows)


def test_a_report_and_its_episodes_show_themselves(bench: Workbench, run_id: str) -> None:
    told, rows = report(bench, run_id), episodes(bench, run_id)
    assert told.summary.run["run_id"] in told._repr_html_()
    assert all(row["episode_id"][:10] in rows._repr_html_() for row in rows)
    assert len(rows.where(split="train")[:2]) == 2
    assert "2 episodes" in rows[:2]._repr_html_()


def test_a_search_shows_what_each_score_is_made_of(bench: Workbench) -> None:
    found = search(bench, "add one to a number", limit=3)
    assert found.ids
    assert all(hit.why in found._repr_html_() for hit in found.hits)
    assert {name for hit in found.hits for name in hit.parts} <= set(texts(found.scores))


def candidate(index: int, parents: list[int], proposer: str = "rewrite") -> CandidateSummary:
    return CandidateSummary(
        index=index, prompt_set=f"set{index}", parents=parents, proposer=proposer, iteration=index, why="because <x>",
        validation=0.5, front=1, gate="", diff={},
    )  # fmt: skip


def test_the_tree_of_candidates_names_each_and_both_parents_of_a_merge() -> None:
    tree = [candidate(0, [], "seed"), candidate(1, [0]), candidate(2, [0]), candidate(3, [1, 2], "merge")]
    summary = OptimisationSummary(
        run={"run_id": "opt-1", "settings": {}, "status": "done", "started_at": 0.0, "ended_at": None, "active_s": 0.0},
        proposers=[], candidates=tree, iterations=[], failures=0, spend={}, ending={"promoted": "set3"},
    )  # fmt: skip
    drawn = candidate_tree(summary)
    words = texts(drawn)
    assert words[-1] != ""
    assert [line for line in words if line.startswith("3")] == ["3  0.500  merge of 1 and 2: because <x>  ← promoted"]
    assert drawn.svg.count("stroke-dasharray") == 1


def test_forks_and_spans_need_no_other_import(bench: Workbench, episodes: Episodes) -> None:
    branch = fork(bench, episodes["add/1"]["episode_id"], Changes(state={"reward.total": 0.5}), at="remember")
    assert Lineage(bench.home).fork(branch) is not None
    assert all(isinstance(span, Span) for span in trace(bench, branch).spans)
