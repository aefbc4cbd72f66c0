"""What a user can fix is one message on stderr that says how, and exit code 2; never a traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.main import EXIT_USAGE, main
from storage.engine import open_home
from storage.tables import home_meta

TASK: dict[str, Any] = {
    "task_id": "double",
    "prompt": "Return twice the number.",
    "entry_point": "double",
    "tests": [{"args": [4], "expected": 8}],
    "split": "train",
}
Complaint = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with one good task file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.jsonl").write_text(json.dumps(TASK), encoding="utf-8")
    return tmp_path


@pytest.fixture
def complaint(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complaint:
    """Run the command line, which must fail as usage errors do; return what it said."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["ratchet", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (EXIT_USAGE, "")
        assert "Traceback" not in said.err
        return said.err

    return run


def run_here(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own that finds our packages."""
    path = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("{", "line 1: not JSON"),
        ('{"task_id": "a", "tests": []}', 'line 1: no "prompt" (keys: task_id, tests). Fix the line, or skip bad'),
        ("[]", "line 1: a task is an object, not a list"),
    ],
)
def test_a_bad_task_file_is_named_with_its_line(complaint: Complaint, folder: Path, text: str, message: str) -> None:
    (folder / "bad.jsonl").write_text(text, encoding="utf-8")
    assert complaint("run", "bad.jsonl").startswith("error: bad.jsonl")
    assert message in complaint("run", "bad.jsonl")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "none.jsonl"], "error: no task file none.jsonl; bundled sets: katas, hard\n"),
        (["run", "."], "error: . is a directory: name one .jsonl file in it\n"),
        (["run", "tasks.jsonl", "--model", "gpt"], "error: unknown model 'gpt'. Models: offline, recorded:FILE"),
        (["run", "tasks.jsonl", "--model", "openai:x"], "error: openai:x needs a key: set OPENAI_API_KEY"),
        (["run", "tasks.jsonl", "--model", "recorded:none"], "error: cannot read the recorded answers none"),
        (
            ["run", "tasks.jsonl", "--split", "dev"],
            "error: --split must be 'train', 'validation' or 'test', not 'dev'\n",
        ),
        (["run", "tasks.jsonl", "--split", "test"], "error: tasks.jsonl has no task in the splits test\n"),
        (
            ["run", "tasks.jsonl", "--require-isolation", "jail"],
            "error: --require-isolation must be 'rlimit', 'landlock' or 'full', not 'jail'",
        ),
        (["run", "tasks.jsonl", "--attempts", "0"], "error: --attempts must be at least 1, not 0\n"),
        (["run", "tasks.jsonl", "--home", "tasks.jsonl"], "error: cannot write to the home tasks.jsonl: File exists."),
        (["run", "tasks.jsonl", "--home", "tasks.jsonl/home"], "tasks.jsonl/home: Not a directory. Choose another"),
        (["runs"], "error: no home at .ratchet: nothing was run there yet. Start with `ratchet run katas`\n"),
        (["show", "run-1"], "error: no home at .ratchet"),
        (["run"], "Missing argument 'tasks'"),
        (["run", "tasks.jsonl", "--attempts", "many"], "Invalid value for '--attempts'"),
        (["fly"], "No such command 'fly'"),
    ],
)
def test_what_cannot_be_is_said_with_a_way_out(complaint: Complaint, arguments: list[str], message: str) -> None:
    assert message in complaint(*arguments)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("RATCHET_SEED", "x", "error: RATCHET_SEED must be a whole number, not 'x'\n"),
        ("RATCHET_SANDBOX__CPU_S", "0", "error: RATCHET_SANDBOX__CPU_S must be more than 0.0, not '0'\n"),
        ("RATCHET_SPLITS", "test", "error: RATCHET_SPLITS: lists and tables are written as JSON in the environment"),
    ],
)
def test_a_bad_variable_is_named(
    complaint: Complaint, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert complaint("run", "tasks.jsonl").startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "tasks.jsonl", "--max-cost", "-1"], "error: --max-cost must be more than 0.0, not -1.0\n"),
        (["run", "tasks.jsonl", "--role", "write=offline"], "--role must be 'generate', 'reflect', 'review' or"),
        (["run", "tasks.jsonl", "--role", "reflect=gpt"], "error: unknown model 'gpt'"),
        (
            ["run", "tasks.jsonl", "--no-memory", "--memory", "home"],
            "--no-memory shows no memories, which contradicts --m",
        ),
        (["run", "tasks.jsonl", "--memories", "0", "--shuffle-memories"], "contradicts --shuffle-memories: leave one"),
        (["optimise", "tasks.jsonl", "--iterations", "0"], "error: --iterations must be at least 1, not 0\n"),
        (["optimise", "tasks.jsonl", "--budget", "rolouts=5"], "no such resource; there are rollouts"),
        (["propose", "none.jsonl"], "error: no task file none.jsonl"),
    ],
)
def test_a_bad_option_is_named_as_it_was_written(complaint: Complaint, arguments: list[str], message: str) -> None:
    assert message in complaint(*arguments)


def test_mistakes_are_told_before_anything_slow_is_imported(folder: Path) -> None:
    (folder / "bad.jsonl").write_text("{", encoding="utf-8")
    code = """
import sys
from cli.main import main
run, options = ["run", "tasks.jsonl"], (["--seed", "x"], ["--attempts", "0"], ["--split", "dev"], ["--model", "gpt"])
for arguments in (["run", "none.jsonl"], ["run", "bad.jsonl"], *[run + option for option in options]):
    sys.argv = ["ratchet", *arguments]
    try:
        main()
    except SystemExit as ended:
        assert ended.code == 2
assert not {"langgraph", "langchain_core", "chromadb", "batch", "graphs"} & set(sys.modules)
"""
    done = run_here(code, folder)
    assert (done.returncode, done.stdout, done.stderr.lower().count("error: ")) == (0, "", 6)


def test_a_settings_file_that_cannot_be_read_is_named(complaint: Complaint, folder: Path) -> None:
    (folder / "ratchet.toml").write_text("seed = ", encoding="utf-8")
    assert complaint("run", "tasks.jsonl").startswith("error: ratchet.toml: ")


def test_a_bad_key_of_the_settings_file_is_named_with_the_file(complaint: Complaint, folder: Path) -> None:
    (folder / "ratchet.toml").write_text("seeed = 1\n[optimiser]\nalpha = 2\n", encoding="utf-8")
    message = complaint("run", "tasks.jsonl")
    assert "optimiser.alpha in ratchet.toml must be less than 1.0, not 2" in message
    assert "seeed in ratchet.toml is no setting, did you mean seed?" in message


@pytest.mark.parametrize("command", [["run", "tasks.jsonl"], ["runs"], ["show", "run-1"]])
def test_a_home_of_a_newer_version_is_refused_by_every_command(
    complaint: Complaint, folder: Path, command: list[str]
) -> None:
    home = open_home(folder / ".ratchet")
    with home.writing() as connection:
        connection.execute(home_meta.update().values(value="99"))
    home.close()
    assert complaint(*command).startswith("error: the home .ratchet was made by a newer version (schema 99;")


@pytest.mark.parametrize("file", ["ratchet.db", "checkpoints.db"])
@pytest.mark.parametrize("command", [["run", "tasks.jsonl"], ["show", "abc"]])
def test_a_damaged_home_is_named_by_every_command(
    complaint: Complaint, folder: Path, command: list[str], file: str
) -> None:
    open_home(folder / ".ratchet").close()
    (folder / ".ratchet" / file).write_text("shopping list: milk, eggs, bread\n" * 200)
    message = complaint(*command)
    assert message == f"error: .ratchet/{file} is damaged or no database: move .ratchet away and run again\n"


def test_a_name_that_is_neither_run_nor_episode_is_named(complaint: Complaint, folder: Path) -> None:
    open_home(folder / ".ratchet").close()
    assert complaint("show", "abc") == "error: no run and no episode 'abc' in .ratchet; `ratchet runs` lists the runs\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["show", "--help"], ["doctor", "--help"], ["memory", "--help"]]
)
def test_help_is_quick_since_it_imports_nothing_heavy(arguments: list[str]) -> None:
    heavy = {"langgraph", "langchain_core", "sqlalchemy", "numpy", "chromadb", "openai", "ray"}
    code = f"""
import sys
from cli.main import main
sys.argv = ["ratchet", *{arguments}]
try:
    main()
except SystemExit as ended:
    assert ended.code == 0
assert not {heavy} & set(sys.modules), sorted({heavy} & set(sys.modules))
"""
    done = run_here(code, Path(__file__).parents[2])
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: ratchet" in done.stdout


@pytest.mark.parametrize("group", [[], ["memory"], ["prompts"], ["checkpoints"]])
def test_help_says_of_every_command_a_whole_sentence_on_80_columns(
    group: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["ratchet", *group, "--help"])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().out
    assert "Commands:" in said
    assert "..." not in said.partition("Commands:")[2]


def test_help_groups_the_options_of_a_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["ratchet", "run", "--help"])
    with pytest.raises(SystemExit):
        main()
    headings = [line for line in capsys.readouterr().out.splitlines() if line.endswith(":") and line[0] != " "]
    panels = ["Model:", "Tasks:", "Learning loop:", "Memory and prompts:", "Sandbox and people:", "Traces:"]
    assert headings == ["Arguments:", *panels, "Options:"]
