"""Memory care: rewards flow back, what hurts goes, groups are folded; a kill at any node changes nothing of the end."""

import importlib.util
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checkpoints.ledger import Ledger
from memory.store import MemoryStore
from state.ledger import FinishedEpisode
from storage.engine import open_home

VICTIM = Path(__file__).parent / "care_victim.py"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def victim() -> Any:
    spec = importlib.util.spec_from_file_location("care_victim", VICTIM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lived(tmp_path: Path, victim: Any, finished_of: Callable[..., FinishedEpisode]) -> Path:
    """Make a home in which a run has done four batches: one skill was shown to failures, another to successes."""
    home = open_home(tmp_path / "lived")
    store, ledger = MemoryStore(home), Ledger(home)
    row: Any = {"run_id": "run-1", "settings": {}, "status": "running", "started_at": 5.0, "ended_at": None}
    ledger.begin_run({**row, "active_s": 0.0})
    harmful, useful, *_ = store.add_all(
        [victim.skill(name, 0) for name in ("harmful", "useful")]
        + [victim.skill("the same thing", 0, f"return {n}") for n in range(4)]
    )
    for number in range(40):
        shown = harmful if number % 2 else useful
        outcome = finished_of("e")["outcome"] | {"memories": [shown]}
        episode = finished_of(f"episode-{number}", reward=0.1 if number % 2 else 0.9, outcome=outcome)
        ledger.record(episode, "run-1", f"train:{number // 10:04d}", number % 10, had_failed=False)
    held_out = finished_of(
        "held-out", split="test", reward=0.0, outcome=finished_of("e")["outcome"] | {"memories": [useful]}
    )
    ledger.record(held_out, "run-1", "held_out:0004", 0, had_failed=False)
    for batch in range(4):
        store.add_all(victim.experiences(batch))
    store.close()
    home.close()
    return tmp_path / "lived"


def rows(home: Path) -> dict[str, list[Any]]:
    """Return what care changes, without times."""
    queries = {
        "memories": "SELECT memory_id, state, hidden_run, hidden_batch, superseded_by FROM memories ORDER BY 1",
        "groups": "SELECT * FROM memory_groups ORDER BY 1, 2, 3",
        "uses": "SELECT memory_id, cause, reward, baseline, run_id, batch FROM memory_uses ORDER BY 1, 2",
        "links": "SELECT * FROM memory_links ORDER BY 1, 2, 3",
        "log": "SELECT seq, memory_id, event, actor, cause, detail FROM memory_log ORDER BY seq",
    }
    connection = sqlite3.connect(home / "ratchet.db")
    try:
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}
    finally:
        connection.close()


def counts(end: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in end.items() if name not in ("run_id", "period", "horizon", "since")}


def test_a_round_of_care_credits_retires_thins_and_folds(lived: Path, victim: Any) -> None:
    end = counts(victim.tend(lived))
    assert (end["credited"], end["retired"], end["thinned"]) == (40, 1, 2)
    assert (end["groups"], end["formed"], end["stability"]) == (3, 3, 1.0)
    assert (end["consolidated"], end["summaries"]) == (3 * 28 - 3 * 5, 3)
    assert len(rows(lived)["uses"]) == 40, "held-out episodes teach nothing"
    states = dict(row[:2] for row in rows(lived)["memories"])
    assert sorted(states.values()).count("consolidated") == end["consolidated"]


@pytest.mark.parametrize("channel", ["credited", "retired", "thinned", "decayed", "groups", "consolidated"])
def test_care_that_is_killed_after_a_nodes_effect_ends_like_an_undisturbed_one(
    lived: Path, tmp_path: Path, victim: Any, channel: str
) -> None:
    shutil.copytree(lived, tmp_path / "killed")
    killed = subprocess.run(
        [sys.executable, VICTIM, tmp_path / "killed", channel], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )
    assert killed.returncode == -signal.SIGKILL
    assert counts(victim.tend(tmp_path / "killed")) == counts(victim.tend(lived))
    assert rows(tmp_path / "killed") == rows(lived)


def test_a_second_look_at_a_finished_round_changes_nothing(lived: Path, victim: Any) -> None:
    once = victim.tend(lived)
    before = rows(lived)
    assert victim.tend(lived) == once
    assert rows(lived) == before
