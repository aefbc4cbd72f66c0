"""An encrypted home: no word of anybody in any byte of it, and everything works as in another one."""

import json
import logging
import shutil
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from typer.testing import CliRunner

from checkpoints.history import fingerprint
from checkpoints.savers import close_saver, open_saver
from cli.main import app
from cli.run import log_to
from memory.record import Draft, Scope
from memory.records import Records
from storage.contents import ContentStore
from storage.engine import open_home
from storage.keys import KEY_VARIABLE, new_key
from workbench.bench import Workbench
from workbench.fork import Changes, fork
from workbench.replay import replay
from workbench.story import story
from workbench.transfer import export_threads, import_threads

KEY = new_key()
WORDS = {  # each in a place of its own, in as many letters as no random text has
    name: f"canaryof{name}"
    for name in (
        "task", "prompt", "skill", "memory", "attribute", "scope", "thread", "answer", "stdout", "error", "tag",
        "taskid", "hidden", "entry", "repair", "cause",
    )
}  # fmt: skip
PROGRAM = f'''"""{WORDS["answer"]}"""
def {WORDS["entry"]}(x):
    print("{WORDS["stdout"]}")
    if x == 7:
        raise ValueError("{WORDS["error"]}")
    return x + 1
'''


def task_file(folder: Path) -> Path:
    """Write three tasks: the first program fails one's hidden test with an exception and solves the others."""
    lines = []
    for n, hidden in enumerate((7, 5, 6)):
        lines.append(
            {
                "task_id": f"{WORDS['taskid']}/{n}",
                "prompt": f'def {WORDS["entry"]}(x):\n    """Return x plus one, {WORDS["task"]} {n}."""\n',
                "entry_point": WORDS["entry"],
                "examples": [{"args": [1], "expected": 2}],
                "tests": [{"args": [hidden], "expected": hidden + 1}, {"args": [3], "expected": 4}],
                "setup": f'"{WORDS["hidden"]}"\n',
                "split": "train" if n < 2 else "test",
                "tags": [WORDS["tag"]],
            }
        )
    file = folder / "tasks.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    answers = [{"task_id": line["task_id"], "solution": PROGRAM} for line in lines]
    (folder / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in answers))
    prompts = folder / "prompts"
    prompts.mkdir()
    (prompts / "system.md").write_text(f"You write Python. {WORDS['prompt']}")
    (prompts / "skills.md").write_text(f"- {WORDS['skill']}")
    return file


def ratchet(*arguments: str) -> str:
    """Run a command in this process; return what it prints."""
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def run(folder: Path) -> str:
    """Run the tasks as a user does and remember something by hand."""
    command = [
        sys.executable, "-m", "cli", "run", str(task_file(folder)), "--home", str(folder / "home"),
        "--model", f"recorded:{folder}/answers.jsonl", "--prompts", str(folder / "prompts"), "--concurrency", "2",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ratchet(
        "memory", "add", f"Ann likes {WORDS['memory']} best", "--user", WORDS["scope"], "--attribute",
        f"topic={WORDS['attribute']}", "--thread", WORDS["thread"], "--cause", WORDS["cause"],
        "--home", str(folder / "home"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Run the tasks once in an encrypted home and once in a plain one."""
    folders = {}
    with pytest.MonkeyPatch.context() as patch:
        for encrypted in (True, False):
            folders[encrypted] = tmp_path_factory.mktemp("ran")
            if encrypted:
                patch.setenv(KEY_VARIABLE, KEY)
            else:
                patch.delenv(KEY_VARIABLE)
            run(folders[encrypted])
    return folders


@pytest.fixture(params=[True, False], ids=["encrypted", "plain"])
def folder(
    request: pytest.FixtureRequest, ran: dict[bool, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give a copy of a folder with a home in which something was run, and its key."""
    if request.param:
        monkeypatch.setenv(KEY_VARIABLE, KEY)
    return Path(shutil.copytree(ran[request.param], tmp_path / "copy"))


def found_in(home: Path) -> dict[str, set[str]]:
    """Return which of the words are in which files of a home, in any common encoding."""
    found: dict[str, set[str]] = {}
    for file, stored in stored_bytes(home).items():
        for name, word in WORDS.items():
            if any(word.encode(encoding) in stored for encoding in ("utf-8", "utf-16-le")):
                found.setdefault(file, set()).add(name)
    return found


def stored_bytes(home: Path) -> dict[str, bytes]:
    """Return what the files of a home hold, by name; what is only compressed is unpacked as well."""
    stored = {path.name: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with closing(sqlite3.connect(home / "ratchet.db")) as connection:
        bodies = [bytes(body) for (body,) in connection.execute("SELECT body FROM contents")]
    stored["ratchet.db"] += b"".join(zlib.decompress(body) for body in bodies if body.startswith(b"\x78\x9c"))
    return stored


def test_no_word_of_anybody_is_in_any_byte_of_an_encrypted_home(ran: dict[bool, Path]) -> None:
    assert found_in(ran[True] / "home") == {}
    plain = found_in(ran[False] / "home")
    assert len(set().union(*plain.values())) >= 15, "the words do get there"
    assert set(plain) == {"checkpoints.db", "ratchet.db", "report.html"}


def test_what_is_still_in_the_write_ahead_log_is_encrypted_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    home = open_home(tmp_path / "home")
    Records(home).add([Draft(text=WORDS["memory"], cause=WORDS["cause"], scope=Scope(user=WORDS["scope"]))])
    address = ContentStore(home).put(WORDS["task"] * 50)[0]
    saver = open_saver(home)
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    saver.put(config, {**empty_checkpoint(), "channel_values": {"attempt": {"text": WORDS["answer"]}}}, {}, {})
    written = {path.name for path in home.folder.iterdir() if path.stat().st_size}
    assert (found_in(home.folder), address in str(stored_bytes(home.folder))) == ({}, False)
    close_saver(saver)
    home.close()
    assert written >= {"ratchet.db-wal", "checkpoints.db-wal"}


def test_a_log_in_an_encrypted_home_names_what_happened_and_quotes_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    home = open_home(tmp_path / "home")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log_to(home.folder / "run.log", home)
    try:
        raise ValueError(WORDS["error"])
    except ValueError:
        logging.getLogger("batch.runner").exception("episode failed", extra={"episode": WORDS["task"]})
        logging.getLogger("langgraph").warning("it was %s", WORDS["stdout"])
    logging.getLogger().handlers[0].close()
    said = (home.folder / "run.log").read_text()
    home.close()
    assert "ERROR batch.runner episode failed: ValueError" in said
    assert "WARNING langgraph" in said
    assert "canary" not in said


def test_everything_works_in_an_encrypted_home_as_in_another(folder: Path) -> None:
    home = str(folder / "home")
    run_id = next((folder / "home" / "runs").iterdir()).name
    with Workbench(folder / "home") as bench:
        episode_id = bench.ledger.episodes_of(run_id)[0][1]["episode_id"]
        before = fingerprint(bench.saver, episode_id)
        assert replay(bench, run_id).is_same
        fork_id = fork(
            bench, episode_id, Changes(state={"code": f"def {WORDS['entry']}(x):\n    return x + 1\n"}), at="execute:1"
        )
        assert story(bench, fork_id).story.state["reward"]["total"] > 0
        assert fingerprint(bench.saver, episode_id) == before
    assert WORDS["answer"] in ratchet("show", episode_id[:10], "--home", home)
    assert "execute" in ratchet("trace", episode_id[:10], "--home", home)
    lines = ratchet("memory", "search", WORDS["memory"], "--user", WORDS["scope"], "--home", home, "--json")
    found = json.loads(lines.splitlines()[0])
    assert found["text"] == f"Ann likes {WORDS['memory']} best"
    ratchet("memory", "verify", "--home", home)
    ratchet("memory", "forget", found["memory_id"][:8], "--yes", "--home", home)
    assert WORDS["memory"] not in ratchet("memory", "list", "--user", WORDS["scope"], "--home", home)
    assert "forget" in ratchet("memory", "history", found["memory_id"][:8], "--home", home)


def test_a_run_travels_from_one_encrypted_home_to_another_with_another_key(
    ran: dict[bool, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    source = shutil.copytree(ran[True] / "home", tmp_path / "source")
    run_id = next((source / "runs").iterdir()).name
    with Workbench(source) as bench:
        episode_id = bench.ledger.episodes_of(run_id)[0][1]["episode_id"]
        export_threads(bench, run_id, tmp_path / "run.gz")
        told = story(bench, episode_id).story
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    with Workbench(tmp_path / "other", create=True) as bench:
        assert import_threads(bench, tmp_path / "run.gz").new
        assert story(bench, episode_id).story == told
    assert found_in(tmp_path / "other") == {}
