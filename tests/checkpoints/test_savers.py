from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver

from checkpoints.savers import CHECKPOINT_FILE, close_saver, open_saver
from state.episode import EpisodeState
from state.errors import SetupError
from state.learning import LearningState
from state.optimization import OptimizationState
from state.periodic import CareState
from storage.engine import named_errors

# What the states hold: 64-bit numbers that are numbers. Texts without lone surrogates: those are in the content store.
PLAIN = {int: st.integers(-(2**63), 2**63 - 1), float: st.floats(allow_nan=False)}


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    opened = open_saver(tmp_path)
    yield opened
    close_saver(opened)


@pytest.mark.parametrize("state_type", [EpisodeState, LearningState, OptimizationState, CareState])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=30)
@given(data=st.data())
def test_every_state_survives_the_saver_unchanged(saver: SqliteSaver, state_type: Any, data: st.DataObject) -> None:
    for kind, values in PLAIN.items():
        st.register_type_strategy(kind, values)
    state: Any = data.draw(st.from_type(state_type))
    checkpoint = {**empty_checkpoint(), "channel_values": state}
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    saved = saver.get_tuple(saver.put(config, checkpoint, {}, {}))  # type: ignore[arg-type,typeddict-item]
    assert saved is not None
    assert repr(saved.checkpoint["channel_values"]) == repr(state), "1 and 1.0 are not the same here"


@dataclass
class Stranger:
    """No JSON value."""

    n: int


def test_a_type_that_is_no_json_value_is_not_built_again(saver: SqliteSaver, caplog: pytest.LogCaptureFixture) -> None:
    assert saver.serde.loads_typed(saver.serde.dumps_typed({"a": Stranger(1)})) == {"a": {"n": 1}}
    assert "Blocked deserialization" in caplog.text


def test_a_saver_keeps_what_was_committed_and_waits_for_others(saver: SqliteSaver) -> None:
    pragmas = {name: saver.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in
               ("journal_mode", "synchronous", "auto_vacuum", "busy_timeout")}  # fmt: skip
    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "auto_vacuum": 2, "busy_timeout": 30_000}


def test_a_checkpoint_file_that_is_damaged_or_out_of_reach_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=f"cannot read or write {tmp_path / 'none' / CHECKPOINT_FILE}"):
        open_saver(tmp_path / "none")
    (tmp_path / CHECKPOINT_FILE).write_text("shopping list: milk, eggs, bread\n" * 100)
    with pytest.raises(SetupError, match=f"{tmp_path / CHECKPOINT_FILE} is damaged or no database"):
        open_saver(tmp_path)


def test_a_full_disk_is_the_same_clear_error_as_for_the_database(saver: SqliteSaver, tmp_path: Path) -> None:
    saver.conn.execute("PRAGMA max_page_count=1")
    checkpoint: Any = {**empty_checkpoint(), "channel_values": {"texts": list(map(str, range(100_000)))}}
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    with pytest.raises(SetupError, match=f"no space left for {tmp_path}"), named_errors(tmp_path, CHECKPOINT_FILE):
        saver.put(config, checkpoint, {}, {})
