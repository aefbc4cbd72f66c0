"""`ratchet memory`: the whole life of a memory from the command line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.exits import EXIT_NO_RESULT, EXIT_USAGE
from cli.main import main
from memory.recall import Recall
from memory.record import Draft, Scope
from memory.records import Records
from storage.engine import open_home
from storage.tables import memories

Command = Callable[..., tuple[int, str, str]]
Objects = Callable[..., list[dict[str, Any]]]
TEXTS = ("My favourite editor is vim", "The tests need PostgreSQL 15", "Releases happen on Thursdays")


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a memory command in a folder of its own; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ratchet", "memory", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def objects(memory: Command) -> Objects:
    """Run a command that must succeed with --json; return the objects that it prints."""

    def run(*arguments: str) -> list[dict[str, Any]]:
        code, out, err = memory(*arguments, "--json")
        assert (code, err) == (0, "")
        return [json.loads(line) for line in out.splitlines()]

    return run


@pytest.fixture
def told(objects: Objects) -> list[str]:
    """Tell the memory of ann three things; return the ids."""
    return [
        objects("add", text, "--user", "ann", "-a", f"level={number}")[0]["memory_id"]
        for number, text in enumerate(TEXTS)
    ]


def test_what_was_added_is_found_with_its_score_explained(told: list[str], memory: Command, objects: Objects) -> None:
    (hit,) = objects("search", "when do we release?", "--user", "ann")
    assert (hit["memory_id"], hit["text"]) == (told[2], TEXTS[2])
    assert sum(hit["parts"].values()) == pytest.approx(hit["score"], abs=1e-3)
    code, out, _ = memory("search", "when do we release?", "--user", "ann")
    assert code == 0
    assert f"{told[2][:12]}  {hit['score']:.3f}" in out
    assert f"= bm25 {hit['score']:.3f}" in out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [0, 1, 2]),
        (["--limit", "1", "--offset", "1"], [1]),
        (["--filter", "level>=1"], [1, 2]),
        (["-f", "level>=1", "-f", "level!=2"], [1]),
        (["-f", '{"OR": [{"level": 0}, {"level": {"in": [2, 5]}}]}'], [0, 2]),
        (["--kind", "episodic"], []),
    ],
)
def test_lists_have_filters_and_pages(
    told: list[str], objects: Objects, options: list[str], expected: list[int]
) -> None:
    found = objects("list", "--user", "ann", *options)
    assert [one["memory_id"] for one in found] == [told[number] for number in expected]


def test_a_page_says_where_the_next_one_begins(told: list[str], memory: Command) -> None:
    _, out, _ = memory("list", "--user", "ann", "--limit", "2")
    assert "1 to 2 of 3 in user=ann; the next page: --offset 2" in out
    assert all(memory_id[:12] in out for memory_id in told[:2])


def test_an_empty_list_says_where_there_is_something(told: list[str], memory: Command) -> None:
    assert memory("list")[1] == "no memory among the 0 memories in project=default; other scopes: user=ann (3)\n"


def test_a_newer_value_supersedes_the_older_and_both_can_be_shown(
    told: list[str], memory: Command, objects: Objects
) -> None:
    (outcome,) = objects("add", "My favourite editor is helix", "--user", "ann")
    assert outcome["superseded"] == [told[0]]
    assert objects("show", told[0][:8])[0]["superseded_by"] == outcome["memory_id"]
    assert "archived" in memory("show", told[0])[1]
    assert [entry["event"] for entry in objects("history", told[0])] == ["add", "supersede"]
    assert "supersede" in memory("history", told[0])[1]


def test_the_same_text_again_is_one_memory(told: list[str], objects: Objects) -> None:
    assert objects("add", TEXTS[0], "--user", "ann")[0]["outcome"] == "known"
    assert len(objects("list", "--user", "ann", "--hidden")) == 3


def test_stats_count_and_show_what_the_caches_saved(told: list[str], memory: Command, objects: Objects) -> None:
    objects("search", "release", "--user", "ann")
    (found,) = objects("stats", "--user", "ann")
    assert (found["memories"], found["counts"], found["log"]) == (3, {"semantic": {"active": 3}}, 3)
    assert found["caches"]["answers"] == {"rate": 0.0, "asked": 1}
    assert found["disk"]["texts"] >= sum(map(len, TEXTS))
    out = memory("stats")[1]
    assert "0 memories in project=default" in out
    assert "other scopes  user=ann 3" in out


def test_forgetting_purges_the_text_and_says_what_went(told: list[str], memory: Command, tmp_path: Path) -> None:
    report = tmp_path / ".ratchet" / "note.txt"
    report.write_text(f"We know: {TEXTS[1]}")
    code, out, _ = memory("forget", told[1][:10], "--yes")
    assert code == 0
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        f"1 forgotten {told[1][:12]}", "1 places that quoted them, redacted",
    ]  # fmt: skip
    home = tmp_path / ".ratchet"
    assert not [path for path in home.rglob("*") if path.is_file() and b"PostgreSQL 15" in path.read_bytes()]
    assert memory("verify")[0] == 0
    assert "forget" in memory("history", told[1])[1]
    assert "was forgotten" in memory("show", told[1])[2]


def test_forgetting_asks_and_refuses_where_nobody_can_answer(
    told: list[str], memory: Command, objects: Objects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nobody = (tmp_path / "nobody").open("w+")
    monkeypatch.setattr(sys, "stdin", nobody)
    code, _, err = memory("forget", told[0])
    nobody.close()
    assert (code, "add --yes" in err, TEXTS[0] in err) == (EXIT_USAGE, True, True)
    assert len(objects("list", "--user", "ann")) == 3


def test_pruning_removes_what_runs_put_away_and_wants_a_rule(
    told: list[str], memory: Command, objects: Objects, tmp_path: Path
) -> None:
    home = open_home(tmp_path / ".ratchet")
    origin: Any = {"run_id": "run", "batch": 0, "episode_id": "e"}
    (memory_id,) = Records(home).add([Draft(text="of a run", cause="1", scope=Scope(project="default"), origin=origin)])
    with Records(home).changing() as writer:
        writer.move(writer.read([memory_id])[memory_id], "archived", cause="test")
    home.close()
    assert "--older-than 30d" in memory("prune")[2]
    assert objects("prune", "--keep", "1")[0]["memories"] == 0
    assert memory("prune", "--keep", "0", "--dry-run")[1] == "would remove 1 memories (0.0 MB of text)\n"
    assert objects("prune", "--older-than", "0m")[0] == {
        "rehearsal": False, "memories": 1, "size_bytes": len("of a run{}"), "in_use": 0,
    }  # fmt: skip
    assert (memory("verify")[0], len(objects("list", "--user", "ann"))) == (0, 3)


def test_an_export_is_imported_by_another_home(told: list[str], memory: Command, objects: Objects) -> None:
    assert memory("export", "--out", "all.jsonl")[2] == "3 memories in all.jsonl\n"
    assert len(memory("export", "--user", "ann")[1].splitlines()) == 3
    assert objects("import", "all.jsonl", "--home", "other") == [{"new": 3, "known": 0}]
    assert objects("import", "all.jsonl", "--home", "other") == [{"new": 0, "known": 3}]
    assert [one["memory_id"] for one in objects("list", "--user", "ann", "--home", "other")] == told


def test_reindexing_embeds_what_a_new_embedder_has_not_seen(
    told: list[str], objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert objects("reindex")[0]["embedded"] == 0
    monkeypatch.setenv("RATCHET_EMBEDDER", "hashed:32")
    assert [objects("reindex")[0]["embedded"] for _ in range(2)] == [3, 0]
    assert objects("stats")[0]["vectors"] == {"hashed-32": 3}
    assert "dense" in objects("search", "release", "--user", "ann")[0]["parts"]


def test_tampering_is_told_with_exit_code_1(told: list[str], memory: Command, tmp_path: Path) -> None:
    home = open_home(tmp_path / ".ratchet")
    with home.writing() as connection:
        connection.execute(memories.update().where(memories.c.memory_id == told[0]).values(text="altered"))
    home.close()
    code, out, _ = memory("verify")
    assert (code, out) == (EXIT_NO_RESULT, f"memory {told[0]} does not say what was written down\n")


def test_the_map_is_one_page(told: list[str], memory: Command, tmp_path: Path) -> None:
    assert memory("map", "--user", "ann", "--out", "map.html")[1] == f"Map: {tmp_path / 'map.html'}\n"
    assert all(text in (tmp_path / "map.html").read_text() for text in TEXTS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "zzz"], "no memory 'zzz' in .ratchet; `ratchet memory list` shows the ids"),
        (["show", ""], "is the beginning of 3 ids or more"),
        (["list", "-f", "level"], "cannot read the filter 'level': write FIELD=VALUE"),
        (["list", "-f", "{"], "is no JSON"),
        (["list", "-f", '{"level": {"above": 3}}'], "no filter operator 'above' (field level); have: eq, ne"),
        (["search", "x", "--kind", "vague"], "no memory kind 'vague'; have: episodic, semantic, procedural"),
        (["add", " "], "a memory needs a text"),
        (["add", "x", "--importance", "3"], "importance is in [0, 1], got 3"),
        (["add", "x", "-a", "level"], "write FIELD=VALUE"),
        (["import", "none.jsonl"], "No such file or directory: none.jsonl"),
        (["stats", "--home", "elsewhere"], "no home at elsewhere"),
    ],
)
def test_what_cannot_be_is_said_with_a_way_out(
    told: list[str], memory: Command, arguments: list[str], message: str
) -> None:
    code, out, err = memory(*arguments)
    assert (code, out) == (EXIT_USAGE, "")
    assert message in err


def test_an_unknown_embedder_is_named(told: list[str], memory: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, message in (("fast", "no embedder 'fast'; have: hashed"), ("onnx:nowhere", "no model.onnx in nowhere")):
        monkeypatch.setenv("RATCHET_EMBEDDER", name)
        assert message in memory("stats")[2]


def test_a_program_and_the_library_see_what_the_command_line_added(told: list[str], tmp_path: Path) -> None:
    home = open_home(tmp_path / ".ratchet")
    recall, ann = Recall(home), Scope(user="ann")
    assert recall.records(told).keys() == set(told)
    (same,) = Records(home).add([Draft(text=TEXTS[0], cause=recall.records(told)[told[0]].cause, scope=ann)])
    assert same == told[0]
    recall.close()
    home.close()
