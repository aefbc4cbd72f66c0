"""A whole home from the command line, in files and on PostgreSQL."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.loopback_model import LoopbackModel
from tests.cli.conftest import Ratchet

Command = Callable[..., str]


@pytest.fixture
def command(ratchet: Ratchet, either_database: str) -> Command:
    """Run a command that must succeed on one of the databases; return what it prints."""

    def run(*arguments: str) -> str:
        said = ratchet(*arguments, RATCHET_DATABASE_URL=either_database, OPENAI_API_KEY="none")
        assert said.code == 0, said.stderr
        return said.stdout

    return run


def test_a_run_is_continued_replayed_forgotten_exported_and_pruned(command: Command, folder: Path) -> None:
    with LoopbackModel().serving() as model:
        model_at = ("--model", "openai:adder", "--base-url", model.base_url)
        start = partial(command, "run", "tasks.jsonl", *model_at, "--batch-size", "2", "--json")
        report, asked = start(), len(model.requests)
        assert (start(), len(model.requests)) == (report, asked)
    [run_id] = lines_of(command("runs", "--json"), "run_id")
    episodes = [line["episode_id"] for line in map(json.loads, report.splitlines()) if line["kind"] == "episode"]
    assert len(episodes) == 6
    assert "remember" in command("trace", episodes[0])
    assert "no difference" in command("replay", episodes[0])

    memory, *others = lines_of(command("memory", "list", "--json"), "memory_id")
    command("memory", "forget", memory, "--yes")
    command("memory", "verify")
    assert lines_of(command("memory", "list", "--json"), "memory_id") == others

    command("checkpoints", "export", run_id, "run.jsonl.gz")
    assert "removed 7 threads" in command("checkpoints", "prune", "--keep", "0")
    assert "0 threads" in command("checkpoints", "list")
    assert "7 new threads" in command("checkpoints", "import", "run.jsonl.gz")
    assert "pass@1" in command("show", run_id)


def lines_of(printed: str, name: str) -> list[Any]:
    return [json.loads(line)[name] for line in printed.splitlines()]
