import gzip
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from batch.lease import Lease, alone, at_work
from checkpoints.care import SavedThread, saved_threads, written_at
from checkpoints.history import fingerprint, history
from cli.checkpoints import parse_age
from graphs.episode import episode_graph
from memory.index import Sight
from runtime.forgetting import forget_everywhere
from state.errors import SetupError
from state.ledger import FinishedEpisode
from storage.contents import ContentStore
from storage.engine import open_home
from storage.tables import contents
from workbench.bench import Workbench
from workbench.care import chosen, prune
from workbench.fork import Changes, fork
from workbench.replay import replay
from workbench.story import story
from workbench.transfer import export_threads, import_threads

Episodes = dict[str, FinishedEpisode]


def texts(bench: Workbench) -> int:
    with bench.home.reading() as connection:
        return connection.execute(select(func.count()).select_from(contents)).scalar_one()


def test_threads_are_listed_with_their_kind_size_and_age(bench: Workbench, episodes: Episodes, run_id: str) -> None:
    fork(bench, episodes["add/1"]["episode_id"], Changes(), at="review")
    threads = saved_threads(bench.saver)
    assert sorted({thread.kind for thread in threads}) == ["episode", "fork", "run"]
    assert threads[0].kind == "fork", "the newest comes first"
    [loop] = [thread for thread in threads if thread.thread_id == run_id]
    assert loop.checkpoints == len(history(bench.saver, run_id))
    assert all(thread.size_bytes > 1000 for thread in threads)
    assert abs(threads[0].last_at - time.time()) < 3600


def test_the_time_in_a_checkpoints_id_is_that_of_its_writing(bench: Workbench, run_id: str) -> None:
    from datetime import datetime

    for point in history(bench.saver, run_id):
        said = datetime.fromisoformat(point.checkpoint["ts"]).timestamp()
        assert abs(written_at(point.checkpoint["id"]) - said) < 1


def another_home(folder: Path) -> Workbench:
    """Make a new home and open it."""
    open_home(folder / "other").close()
    return Workbench(folder / "other")


def thread(name: str, last_at: float) -> SavedThread:
    return SavedThread(thread_id=name, checkpoints=1, size_bytes=1, last_at=last_at)


@pytest.mark.parametrize(
    ("older_than", "keep", "gone"),
    [(None, 2, "cd"), (timedelta(seconds=50), None, "bcd"), (timedelta(seconds=50), 3, "d"), (None, 0, "abcd")],
)
def test_age_and_count_must_both_give_a_thread_away(older_than: timedelta | None, keep: int | None, gone: str) -> None:
    threads = [thread("a", 100.0), thread("b", 40.0), thread("c", 30.0), thread("d", 20.0)]
    found = chosen(threads, older_than=older_than, keep=keep, now=100.0)
    assert "".join(one.thread_id for one in found) == gone


def test_pruning_removes_checkpoints_and_texts_and_keeps_results_and_memories(
    bench: Workbench, episodes: Episodes, run_id: str
) -> None:
    before = (bench.ledger.episodes_of(run_id), bench.services.memory.watermark())
    count = texts(bench)
    rehearsed = prune(bench, keep=0, rehearse=True)
    assert texts(bench) == count
    pruned = prune(bench, keep=0)
    assert len(pruned.threads) == len(rehearsed.threads) == 11
    assert saved_threads(bench.saver) == []
    assert texts(bench) == count - pruned.texts < count
    assert (bench.ledger.episodes_of(run_id), bench.services.memory.watermark()) == before
    fresh = ContentStore(bench.home)
    assert all(fresh.get(row["outcome"]["code"]) for row in episodes.values())
    with pytest.raises(SetupError, match="nothing to replay"):
        replay(bench, episodes["add/1"]["episode_id"])
    with pytest.raises(SetupError, match="it has been pruned"):
        story(bench, episodes["add/1"]["episode_id"])


def test_what_is_kept_can_still_be_replayed_after_a_pruning(bench: Workbench) -> None:
    prune(bench, keep=4)
    left = [one.thread_id for one in saved_threads(bench.saver)]
    assert len(left) == 4
    assert [replay(bench, name).is_same for name in left] == [True] * 4


def test_an_unfinished_thread_is_never_pruned(bench: Workbench, episodes: Episodes) -> None:
    from checkpoints.history import copy_until, point_before

    points = history(bench.saver, episodes["add/1"]["episode_id"])
    copy_until(bench.saver, points, point_before(points, "execute"), "half-done")
    assert prune(bench, keep=0).unfinished == 1
    assert [one.thread_id for one in saved_threads(bench.saver)] == ["half-done"]


@pytest.mark.parametrize("kind", ["runs", "forks", "proposals"])
def test_a_home_that_somebody_works_on_is_not_pruned(bench: Workbench, kind: str) -> None:
    lease = Lease(bench.folder / kind / "some-work", bench.home)
    [draft] = bench.contents.put("what the work has stored and not yet referred to")
    with pytest.raises(SetupError, match="some-work is being worked on"):
        prune(bench, keep=0)
    lease.release()
    assert ContentStore(bench.home).get(draft)
    with pytest.raises(SetupError, match="say what to remove"):
        prune(bench)


def test_an_exported_run_is_shown_compared_and_forked_in_another_home(
    bench: Workbench, episodes: Episodes, run_id: str, tmp_path: Path
) -> None:
    branch = fork(bench, episodes["add/1"]["episode_id"], Changes(), at="review")
    file = tmp_path / "run.jsonl.gz"
    assert export_threads(bench, run_id, file) == 12
    with another_home(tmp_path) as other:
        assert import_threads(other, file)[:2] == (12, 0)
        assert import_threads(other, file)[:2] == (0, 12)
        for name in (run_id, branch, episodes["add/3"]["episode_id"]):
            assert fingerprint(other.saver, name) == fingerprint(bench.saver, name)
        assert other.ledger.episodes_of(run_id) == bench.ledger.episodes_of(run_id)
        assert story(other, branch).lineage() == story(bench, branch).lineage()
        told = story(other, fork(other, episodes["add/3"]["episode_id"], Changes(), at="generate:2"))
        assert told.result == "solved by a repair"


def test_a_thread_that_went_on_by_itself_is_left_alone_by_an_import(
    bench: Workbench, episodes: Episodes, tmp_path: Path
) -> None:
    from checkpoints.history import copy_until, point_before

    episode_id, file = episodes["add/1"]["episode_id"], tmp_path / "episode.jsonl.gz"
    export_threads(bench, episode_id, file)
    points = history(bench.saver, episode_id)
    bench.saver.delete_thread(episode_id)
    copy_until(bench.saver, points, point_before(points, "execute"), episode_id)
    graph = episode_graph().compile(checkpointer=bench.saver)
    graph.update_state({"configurable": {"thread_id": episode_id}}, {"remembered": ["mine"]}, as_node="remember")
    before = fingerprint(bench.saver, episode_id)
    assert import_threads(bench, file)[:2] == (0, 1)
    assert fingerprint(bench.saver, episode_id) == before


def test_an_export_after_a_forgetting_is_imported_without_what_was_forgotten(
    bench: Workbench, run_id: str, tmp_path: Path
) -> None:
    records = bench.services.memory.records
    listed = bench.services.memory.recall.listed(bench.services.memory.scope, sight=Sight(), limit=100)
    memory = next(one for one in listed if one.kind == "procedural")
    assert forget_everywhere(records, [memory.memory_id]).quotations > 0
    file = tmp_path / "run.jsonl.gz"
    export_threads(bench, run_id, file)
    lines = lines_of(file)
    marked = {line["address"]: line["text"] for line in lines if line.get("redacted")}
    assert marked

    with another_home(tmp_path) as other:
        assert import_threads(other, file)[:2] == (11, 0)
        assert import_threads(other, file)[:2] == (0, 11)
        assert {address: ContentStore(other.home).get(address) for address in marked} == marked
        assert other.ledger.episodes_of(run_id) == bench.ledger.episodes_of(run_id)


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def damaged(line: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**line, **changes}.items() if value is not ...}


BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "a key is missing": ("text", {"address": ...}),
    "another text": ("text", {"text": "another"}),
    "another text, said to be redacted": ("text", {"text": "another", "redacted": True}),
    "no kind": ("text", {"kind": ...}),
    "an unknown kind": ("text", {"kind": "cake"}),
    "bad base64": ("checkpoint", {"writes": ["msgpack", "?"]}),
    "no msgpack": ("checkpoint", {"checkpoint": ["msgpack", "wcHB"]}),
    "an unknown encoding": ("checkpoint", {"metadata": ["cake", "gA=="]}),
    "a checkpoint that is none": ("checkpoint", {"checkpoint": ["msgpack", "gA=="]}),
    "no thread": ("checkpoint", {"thread_id": ...}),
    "an empty row": ("episode", {"row": {}}),
    "a row that is none": ("episode", {"row": []}),
    "a column that there is not": ("run", {"row": {"cake": 1}}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_export_is_refused_before_anything_is_written(
    bench: Workbench, run_id: str, tmp_path: Path, name: str
) -> None:
    kind, changes = BROKEN[name]
    file = tmp_path / "run.jsonl.gz"
    export_threads(bench, run_id, file)
    lines = lines_of(file)
    last = max(index for index, line in enumerate(lines) if line["kind"] == kind)
    lines[last] = damaged(lines[last], **changes)
    with gzip.open(file, "wt") as out:
        out.writelines(json.dumps(line) + "\n" for line in lines)
    with another_home(tmp_path) as other:
        with pytest.raises(SetupError, match=f"is damaged: line {last + 1}: "):
            import_threads(other, file)
        assert (texts(other), saved_threads(other.saver), other.ledger.runs()) == (0, [], [])


def test_a_file_that_was_cut_or_changed_on_its_way_is_refused_before_anything_is_written(
    bench: Workbench, run_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "run.jsonl.gz"
    export_threads(bench, run_id, file)
    whole = file.read_bytes()
    middle = len(whole) // 2
    with another_home(tmp_path) as other:
        for data in (whole[:middle], whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]):
            file.write_bytes(data)
            with pytest.raises(SetupError, match=r"cannot read|is damaged"):
                import_threads(other, file)
            assert (texts(other), saved_threads(other.saver), other.ledger.runs()) == (0, [], [])


def test_a_file_that_is_no_export_is_named(bench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "x.gz"
    with pytest.raises(SetupError, match=r"cannot read .*No such file"):
        import_threads(bench, file)
    file.write_text("no gzip")
    with pytest.raises(SetupError, match="cannot read"):
        import_threads(bench, file)
    for head, message in (({"format": "cake"}, "is no export"), ({"version": 99}, "newer version")):
        with gzip.open(file, "wt") as out:
            out.write(json.dumps({"format": "ratchet checkpoints", **head}) + "\n")
        with pytest.raises(SetupError, match=message):
            import_threads(bench, file)


def test_ages_are_read_with_their_unit() -> None:
    assert [parse_age(text).total_seconds() for text in ("90m", "12h", "30d", "8w")] == [5400, 43200, 2592000, 4838400]
    with pytest.raises(SetupError, match="write 90m, 12h, 30d or 8w"):
        parse_age("yesterday")


def test_nothing_begins_while_a_home_is_pruned_and_nothing_is_pruned_while_somebody_answers(bench: Workbench) -> None:
    with alone(bench.home):
        with pytest.raises(SetupError, match="is being pruned"):
            Lease(bench.folder / "runs" / "run-late", bench.home)
        with pytest.raises(SetupError, match="is being pruned"), at_work(bench.home):
            pass
    with at_work(bench.home), pytest.raises(SetupError, match="is being worked on"):
        prune(bench, keep=0)
    Lease(bench.folder / "runs" / "run-late", bench.home).release()


def test_an_import_says_which_memories_its_episodes_miss(
    bench: Workbench, run_id: str, episodes: Episodes, tmp_path: Path
) -> None:
    shown = {one for row in episodes.values() for one in row["outcome"]["memories"]}
    assert shown
    export_threads(bench, run_id, tmp_path / "run.jsonl.gz")
    with another_home(tmp_path) as other:
        assert import_threads(other, tmp_path / "run.jsonl.gz").absent_memories == len(shown)
    assert import_threads(bench, tmp_path / "run.jsonl.gz").absent_memories == 0
