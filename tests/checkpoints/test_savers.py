import sqlite3
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME
from psycopg_pool import ConnectionPool

from checkpoints.joining import JoiningSqliteSaver
from checkpoints.savers import CHECKPOINT_FILE, Saver, close_saver, open_saver
from state.episode import EpisodeState
from state.errors import LostConnectionError, SetupError
from state.learning import LearningState
from state.optimization import OptimizationState
from state.periodic import CareState
from storage.contents import canonical
from storage.engine import Home, open_home

# What the states hold: 64-bit numbers that are numbers. Texts without lone surrogates: those are in the content store.
PLAIN = {int: st.integers(-(2**63), 2**63 - 1), float: st.floats(allow_nan=False)}


@pytest.fixture
def saver(home: Home) -> Iterator[Saver]:
    opened = open_saver(home)
    yield opened
    close_saver(opened)


@pytest.fixture
def lone_saver(saver: Saver) -> Iterator[Saver]:
    """Keep a saver to one connection: a growing pool draws from `random`, which Hypothesis refuses."""
    if isinstance(saver, JoiningSqliteSaver):
        yield saver
        return
    pool = saver.conn
    assert isinstance(pool, ConnectionPool)
    pool.wait()
    with pool.connection() as saver.conn:
        yield saver


@pytest.fixture
def sqlite_home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def sqlite_saver(sqlite_home: Home) -> Iterator[JoiningSqliteSaver]:
    opened = open_saver(sqlite_home)
    assert isinstance(opened, JoiningSqliteSaver)
    yield opened
    close_saver(opened)


@pytest.mark.parametrize("state_type", [EpisodeState, LearningState, OptimizationState, CareState])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=30)
@given(data=st.data())
def test_every_state_survives_the_saver_unchanged(lone_saver: Saver, state_type: Any, data: st.DataObject) -> None:
    for kind, values in PLAIN.items():
        st.register_type_strategy(kind, values)
    state: Any = data.draw(st.from_type(state_type))
    checkpoint = {**empty_checkpoint(), "channel_values": state}
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    # PostgreSQL keeps one value per version of a channel: those of a thread are never the same for two values
    versions: Any = dict.fromkeys(state, str(checkpoint["id"]))
    checkpoint["channel_versions"] = versions
    saved = lone_saver.get_tuple(lone_saver.put(config, checkpoint, {}, versions))  # type: ignore[arg-type,typeddict-item]
    assert saved is not None
    assert canonical(saved.checkpoint["channel_values"]) == canonical(state), "1 and 1.0 are not the same here"


HARD: list[dict[str, Any]] = [
    {"huge": 1e16, "endless": float("inf"), "below zero": -0.0, "large": 2**63 - 1, "least": -(2**63)},
    {"said": "NUL \x00 in a text", "list": ["\x00"], "table": {"k\x00": 1.5}, "none": None, "true": True, "empty": ""},
]


@pytest.mark.parametrize("state", HARD)
def test_values_that_json_columns_would_change_or_refuse_survive_the_saver(saver: Saver, state: dict[str, Any]) -> None:
    versions: Any = dict.fromkeys(state, "1")
    checkpoint = {**empty_checkpoint(), "channel_values": state, "channel_versions": versions}
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    saved = saver.get_tuple(saver.put(config, checkpoint, {}, versions))  # type: ignore[arg-type]
    assert saved is not None
    assert canonical(saved.checkpoint["channel_values"]) == canonical(state)


@dataclass
class Stranger:
    """No JSON value."""

    n: int


def test_a_type_that_is_no_json_value_is_not_built_again(
    sqlite_saver: JoiningSqliteSaver, caplog: pytest.LogCaptureFixture
) -> None:
    assert sqlite_saver.serde.loads_typed(sqlite_saver.serde.dumps_typed({"a": Stranger(1)})) == {"a": {"n": 1}}
    assert "Blocked deserialization" in caplog.text


def test_a_saver_keeps_what_was_committed_and_waits_for_others(sqlite_saver: JoiningSqliteSaver) -> None:
    pragmas = {name: sqlite_saver.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in
               ("journal_mode", "synchronous", "auto_vacuum", "busy_timeout")}  # fmt: skip
    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "auto_vacuum": 2, "busy_timeout": 30_000}


def test_a_checkpoint_file_that_is_damaged_or_out_of_reach_is_named(sqlite_home: Home) -> None:
    file = sqlite_home.folder / CHECKPOINT_FILE
    file.mkdir()
    with pytest.raises(SetupError, match=f"cannot read or write {file}"):
        open_saver(sqlite_home)
    file.rmdir()
    file.write_text("shopping list: milk, eggs, bread\n" * 100)
    with pytest.raises(SetupError, match=f"{file} is damaged or no database"):
        open_saver(sqlite_home)


def test_a_full_disk_is_the_same_clear_error_as_for_the_database(
    sqlite_saver: JoiningSqliteSaver, sqlite_home: Home
) -> None:
    sqlite_saver.conn.execute("PRAGMA max_page_count=1")
    checkpoint: Any = {**empty_checkpoint(), "channel_values": {"texts": list(map(str, range(100_000)))}}
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    with (
        pytest.raises(SetupError, match=f"no space left for {sqlite_home.folder}"),
        sqlite_home.naming_errors(CHECKPOINT_FILE),
    ):
        sqlite_saver.put(config, checkpoint, {}, {})


def test_nothing_is_saved_on_top_of_a_checkpoint_that_a_crash_of_the_server_dropped(
    postgres_database: str, tmp_path: Path
) -> None:
    home = open_home(tmp_path, postgres_database)
    saver: Any = open_saver(home)
    first, second = ({**empty_checkpoint(), "channel_values": {"said": {"text": name}}} for name in "ab")
    kept = saver.put({"configurable": {"thread_id": "t", "checkpoint_ns": ""}}, first, {}, {"said": "1"})
    with saver.conn.connection() as connection:
        connection.execute("DELETE FROM checkpoints")
    with pytest.raises(LostConnectionError, match="goes on from the one before"):
        saver.put(kept, second, {}, {})
    assert saver.get_tuple({"configurable": {"thread_id": "t"}}) is None
    home.close()


WRITTEN = ("said", {"text": "a"})


def begun(saver: Saver) -> Any:
    """Save a first checkpoint and return its place."""
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    return saver.put(config, empty_checkpoint(), {}, {})


def seen_elsewhere(home: Home, place: Any) -> list[tuple[str, Any]]:
    """Return the writes that a process of its own would find."""
    other = open_saver(home)
    found = other.get_tuple(place)
    close_saver(other)
    assert found is not None
    return [(channel, value) for _, channel, value in found.pending_writes or []]


def test_what_a_node_wrote_and_the_checkpoint_after_it_are_saved_together_or_not_at_all(
    home: Home, saver: Saver
) -> None:
    place = begun(saver)
    saver.put_writes(place, [WRITTEN], "task")
    assert seen_elsewhere(home, place) == []
    saver.put(place, {**empty_checkpoint(), "channel_values": {"said": {"text": "a"}}}, {}, {"said": "1"})
    assert seen_elsewhere(home, place) == [WRITTEN]


@pytest.mark.parametrize("channel", [ERROR, INTERRUPT, RESUME])
def test_what_no_checkpoint_follows_is_saved_at_once_with_all_before_it(home: Home, saver: Saver, channel: str) -> None:
    place = begun(saver)
    saver.put_writes(place, [WRITTEN], "task")
    saver.put_writes(place, [(channel, "why")], "another task")
    assert sorted(seen_elsewhere(home, place)) == sorted([WRITTEN, (channel, "why")])


def test_what_waits_for_a_checkpoint_is_read_by_its_own_saver_and_kept_when_that_is_closed(home: Home) -> None:
    saver = open_saver(home)
    place = begun(saver)
    saver.put_writes(place, [WRITTEN], "task")
    close_saver(saver)
    assert seen_elsewhere(home, place) == [WRITTEN]
    saver = open_saver(home)
    saver.put_writes(place, [("more", 1)], "another task")
    found = saver.get_tuple(place)
    assert found is not None
    assert ("another task", "more", 1) in (found.pending_writes or [])
    close_saver(saver)


def test_what_cannot_be_saved_is_refused_when_it_is_written_and_troubles_no_other_thread(
    home: Home, saver: Saver
) -> None:
    place = begun(saver)
    with pytest.raises(TypeError, match="64-bit"):
        saver.put_writes(place, [("said", 2**70)], "task")
    assert saver.get_tuple({"configurable": {"thread_id": "another"}}) is None
    saver.put(place, empty_checkpoint(), {}, {})
    assert seen_elsewhere(home, place) == []


def test_where_there_is_no_room_neither_the_writes_nor_the_checkpoint_are_saved(
    sqlite_home: Home, sqlite_saver: JoiningSqliteSaver
) -> None:
    place = begun(sqlite_saver)
    sqlite_saver.put_writes(place, [("said", "a" * 10_000_000)], "task")
    sqlite_saver.conn.execute("PRAGMA max_page_count=1")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        sqlite_saver.put(place, empty_checkpoint(), {}, {})
    sqlite_saver.conn.execute("PRAGMA max_page_count=100000")
    last = sqlite_saver.get_tuple({"configurable": {"thread_id": "t"}})
    assert last is not None
    assert last.config["configurable"]["checkpoint_id"] == place["configurable"]["checkpoint_id"]
    assert seen_elsewhere(sqlite_home, place) == []


def test_what_a_broken_connection_kept_from_being_saved_is_saved_on_the_next_one(
    postgres_database: str, tmp_path: Path
) -> None:
    home = open_home(tmp_path, postgres_database)
    saver: Any = open_saver(home)
    place = begun(saver)
    saver.put_writes(place, [WRITTEN], "task")
    with saver.conn.connection() as connection:
        broken = copy(saver)
        broken.conn = connection
        connection.close()
        with pytest.raises(psycopg.OperationalError):
            broken.get_tuple(place)
    found = saver.get_tuple(place)
    assert [(channel, value) for _, channel, value in found.pending_writes] == [WRITTEN]
    close_saver(saver)
    home.close()
