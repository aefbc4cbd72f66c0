"""Whatever a file holds, reading it ends in tasks or in a SetupError."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from state.errors import SetupError
from tasks.load import load_tasks

KEYS = """
    task_id prompt entry_point examples tests tests_visible setup reference split limits tags
    test canonical_solution test_list text code challenge_test_list args expected args_literal check stdin stdout
"""
TEXTS = st.sampled_from(["f", "def f(n):\n    ...", "assert f(1)", "(1,)", "train", "", "def f(:", "\ud800", "a\0b"])
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=4),
    max_leaves=4,
)
GOOD = (
    {"task_id": "a", "prompt": "p", "entry_point": "f", "examples": [{"args": [1], "expected": 2}], "tests": []},
    {"task_id": "b", "prompt": "def f(n):\n    ...", "entry_point": "f", "test": "", "canonical_solution": "    1"},
    {"task_id": 3, "text": "t", "code": "def f(n): ...", "test_list": ["assert f(1)"]},
)
CHANGES = st.dictionaries(st.sampled_from(KEYS.split()), VALUES, min_size=1, max_size=2)
LINES = st.builds(lambda good, change: {**good, **change}, st.sampled_from(GOOD), CHANGES)


def reads_or_refuses(path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    try:
        return bool(load_tasks(path).tasks)
    except SetupError as error:
        return str(error).startswith(str(path))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, min_size=1, max_size=2))
def test_lines_with_any_value_in_any_field_are_read_or_refused(tmp_path: Path, lines: list[dict[str, object]]) -> None:
    assert reads_or_refuses(tmp_path / "tasks.jsonl", "\n".join(map(json.dumps, lines)).encode())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_files_of_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    assert reads_or_refuses(tmp_path / "tasks.jsonl", content)


@pytest.mark.parametrize("prefix", ["f(1) == ", "f(", ">>> f(1)\n", "For n = ", "Input: "])
@given(rest=st.text(alphabet="f(n)[]{}'\"=->,.: 12\n", max_size=60))
@settings(max_examples=60, deadline=None)
def test_docstrings_of_any_text_are_searched_for_examples(tmp_path_factory, prefix: str, rest: str) -> None:
    path = tmp_path_factory.getbasetemp() / "docstring.jsonl"
    prompt = f"def f(n):\n    {json.dumps(prefix + rest)}\n"
    line = {"task_id": "t", "prompt": prompt, "entry_point": "f", "test": "def check(candidate): ..."}
    assert reads_or_refuses(path, json.dumps(line).encode())
