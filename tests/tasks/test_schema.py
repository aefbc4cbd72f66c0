import json
import re
from pathlib import Path

import pytest

from state.task import view_of
from tasks.build import finish
from tasks.load import load_tasks
from tasks.schema import SCHEMA_FILE, TaskLine, schema_text

DOCUMENT = Path(__file__).parents[2] / "docs" / "tasks.md"
DOCUMENTED = re.findall(r"```json\n(.*?)\n```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def test_the_shipped_json_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_every_example_of_the_documentation_loads(tmp_path: Path) -> None:
    path = tmp_path / "documented.jsonl"
    path.write_text("\n".join(DOCUMENTED), encoding="utf-8")
    kinds = [test["kind"] for task in load_tasks(path).tasks for test in task["tests"]]
    assert kinds == ["call", "call", "call", "call", "call", "assert", "check", "stdio"]


def test_every_key_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [key for key in TaskLine.model_fields if f"| `{key}` |" not in text] == []


def line(**fields: object) -> TaskLine:
    return TaskLine.model_validate({"task_id": "t", "prompt": "p", "entry_point": "f", **fields})


def test_json_values_become_python_literals() -> None:
    value = {"b": [None, True, 1.5, "é'"], "a": {}}
    task = finish(line(tests=[{"args": [value], "expected": None}]).draft())
    assert task["tests"] == [
        {"kind": "call", "args": "({'b': [None, True, 1.5, \"é'\"], 'a': {}},)", "expected": "None", "visible": False}
    ]


def test_python_literals_are_kept_as_written() -> None:
    task = finish(line(tests=[{"args_literal": "({3, 1}, b'x')", "expected_literal": "{(1, 2): 'a'}"}]).draft())
    assert [(test["args"], test["expected"]) for test in task["tests"]] == [("({3, 1}, b'x')", "{(1, 2): 'a'}")]


@pytest.mark.parametrize("shown", [True, False])
def test_hidden_tests_are_shown_only_where_the_task_says_so(shown: bool) -> None:
    fields = {"examples": [{"args": [1], "expected": 2}], "tests": ["assert f(2) == 3"], "tests_visible": shown}
    assert len(view_of(finish(line(**fields).draft()))["examples"]) == (2 if shown else 1)


def test_limits_hold_what_the_line_sets_and_nothing_else() -> None:
    assert finish(line(tests=["assert f(1)"], limits={"cpu_s": 2.0}).draft())["limits"] == {"cpu_s": 2.0}


def test_a_stdio_task_needs_no_entry_point() -> None:
    task = TaskLine(task_id="t", prompt="p", tests=[{"stdin": "1", "stdout": "2"}]).draft()  # type: ignore[list-item]
    assert json.dumps(finish(task)["tests"]) == '[{"kind": "stdio", "stdin": "1", "stdout": "2", "visible": false}]'
