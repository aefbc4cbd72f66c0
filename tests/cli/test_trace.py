"""Traces without LangSmith; keys that stay secret; the exit of the whole program."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.langsmith_server import LangSmithServer
from benchmarks.provider_server import ProviderServer
from tests.cli.conftest import Ratchet

KEYS = {"OPENAI_API_KEY": "sk-canary-one-4242", "LANGSMITH_API_KEY": "lsv2-canary-two-4242"}


@pytest.fixture
def folder(folder: Path) -> Path:
    """Give a folder with six tasks and a .env file that holds the model's key."""
    (folder / ".env").write_text(f"OPENAI_API_KEY={KEYS['OPENAI_API_KEY']}\n")
    return folder


def run_with(server: ProviderServer, *more: str) -> list[str]:
    return ["run", "tasks.jsonl", "--model", "openai:adder", "--base-url", server.base_url("openai"), *more]


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_episode_is_drawn_as_a_tree_and_written_for_other_tools(ratchet: Ratchet, tmp_path: Path) -> None:
    with ProviderServer().serving() as server:
        report = ratchet(*run_with(server, "--json"))
    repaired = next(one for one in lines(report.stdout) if one["kind"] == "episode" and one["attempts"] == 2)
    drawn = ratchet("trace", repaired["episode_id"][:10]).stdout
    names = [line.strip("│├└─ ").split()[0] for line in drawn.splitlines()]
    assert names == [
        "episode", "retrieve", "generate", "model", "execute", "reflect", "generate", "model", "execute", "review",
        "reward", "remember",
    ]  # fmt: skip
    assert "openai:adder" in drawn

    ratchet("trace", repaired["episode_id"], "--otel", "spans.json")
    written = json.loads((tmp_path / "spans.json").read_text())
    spans = json_format.ParseDict(written, ExportTraceServiceRequest()).resource_spans[0].scope_spans[0].spans
    assert [span.name for span in spans] == names
    found = written["resourceSpans"][0]["scopeSpans"][0]["spans"]
    parents = {span["spanId"]: span["name"] for span in found}
    assert [parents[span["parentSpanId"]] for span in found if span["name"] == "model"] == ["generate", "generate"]
    assert all(len(span["spanId"]) == 16 and len(span["traceId"]) == 32 for span in found)


def test_a_key_is_in_no_file_of_the_home_and_no_output(ratchet: Ratchet, tmp_path: Path) -> None:
    with (
        ProviderServer(share=0.3, seed=1, faults=["500", "corrupt"]).serving() as server,
        LangSmithServer("fails").serving() as langsmith,
    ):
        variables = {**langsmith.environment(), "LANGSMITH_API_KEY": KEYS["LANGSMITH_API_KEY"]}
        said = [
            ratchet(*run_with(server), RATCHET_RETRY_WAIT_S="0.01", **variables),
            ratchet(*run_with(server, "--seed", "1", "--retries", "0"), **variables),
            ratchet("show", "run-", **variables),
            ratchet("doctor", **variables),
        ]
        assert any(KEYS["OPENAI_API_KEY"] in value for headers in server.headers for value in headers.values())
    files = [path for path in (tmp_path / ".ratchet").rglob("*") if path.is_file()]
    assert len(files) > 5
    for key in KEYS.values():
        assert key.encode() not in langsmith.received
        assert not [path for path in files if key.encode() in path.read_bytes()]
        assert not [one for one in said if key in one.stdout + one.stderr]
    assert said[0].stderr.count("LangSmith does not take traces") <= 1
    assert "LangSmith got 0 of" in said[0].stdout


def test_the_program_ends_soon_after_its_last_episode_while_langsmith_hangs(folder: Path) -> None:
    paths = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    with ProviderServer().serving() as server, LangSmithServer("hangs").serving() as langsmith:
        command = [sys.executable, "-m", "cli", *run_with(server, "--json")]
        environment = {**paths, **langsmith.environment()}
        report = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert report.returncode == 0, report.stderr
    assert {"kind": "traces", "arrived": 0, "lost": 6} in lines(report.stdout)


def test_a_cap_on_money_ends_the_program_with_a_message_and_can_be_raised(ratchet: Ratchet, tmp_path: Path) -> None:
    (tmp_path / "ratchet.toml").write_text('[prices."openai:adder"]\ninput = 1.0\noutput = 10.0\n')
    with ProviderServer().serving() as server:
        stopped = ratchet(*run_with(server, "--max-cost", "0.0008", "-c", "1"))
        done = ratchet(*run_with(server, "--max-cost", "1", "-c", "1"))
    assert (stopped.code, done.code) == (1, 0)
    assert stopped.stderr.splitlines()[-1].startswith("stopped: the run has spent $0.000")
    assert "Raise --max-cost and run the same command again" in stopped.stderr


def test_a_cap_without_a_price_is_refused(ratchet: Ratchet) -> None:
    said = ratchet(
        "run", "tasks.jsonl", "--model", "openai:adder", "--base-url", "http://127.0.0.1:9", "--max-cost", "1"
    )
    assert (said.code, said.stdout) == (2, "")
    assert '[prices."openai:adder"]' in said.stderr
