from typing import Any

import pytest

from prompts.registry import prompt_set_of, shipped_prompt_set
from prompts.render import example_line, generation_messages
from state.memory_item import MemoryHit
from state.task import Task, TaskView, Test, view_of

SHIPPED = shipped_prompt_set()
VIEW: TaskView = {"prompt": "Print the price.", "entry_point": "", "examples": []}
EXAMPLE: Test = {"kind": "call", "args": "(1, 'a')", "expected": "2", "visible": True}
MEMORY: MemoryHit = {
    "memory_id": "0123456789abcdef", "kind": "procedural", "text": "total: adds up", "code": "def total(a): ...\n",
    "entry_point": "total", "score": 0.456, "why": "",
}  # fmt: skip


def user_text(view: TaskView = VIEW, memories: Any = (), past: Any = ()) -> str:
    return generation_messages(SHIPPED, view, memories, past)[1]["content"]


def test_a_bare_task_has_no_section_but_its_own() -> None:
    system, user = generation_messages(SHIPPED, VIEW, [], [])
    assert user == {"role": "user", "content": "## Task\nPrint the price."}
    assert system["role"] == "system"
    assert "## Skills" not in system["content"]


def test_sections_come_in_the_order_task_examples_memories_feedback() -> None:
    text = user_text({**VIEW, "examples": [EXAMPLE]}, [MEMORY], [{"code": "x", "outcome": "failed"}])
    headings = [line for line in text.split("\n") if line.startswith("## ")]
    assert headings == ["## Task", "## Examples", "## Memories", "## Feedback"]


def test_a_task_that_is_code_is_fenced_and_names_its_entry_point() -> None:
    text = user_text({"prompt": "def f(x):\n", "entry_point": "f", "examples": []})
    assert text == "## Task\n```python\ndef f(x):\n```\nEntry point: `f`"


def test_a_memory_is_shown_with_what_it_is_how_close_it_is_and_its_code() -> None:
    shown = "### Memory 0123456789ab (procedural, similarity 0.46): total: adds up\n```python\ndef total(a): ...\n```"
    assert user_text(memories=[MEMORY]).endswith(shown)
    assert user_text(memories=[{**MEMORY, "code": ""}]).endswith("total: adds up")


def test_every_failed_attempt_is_shown_with_its_number_and_what_went_wrong() -> None:
    text = user_text(past=[{"code": "one()", "outcome": "first"}, {"code": "two()\n", "outcome": "second"}])
    assert "### Attempt 1\n```python\none()\n```\nfirst\n\n### Attempt 2\n```python\ntwo()\n```\nsecond" in text


def test_skills_are_told_in_the_system_message() -> None:
    skilled = prompt_set_of({**SHIPPED["components"], "skills": "Sort first.\n"})
    assert generation_messages(skilled, VIEW, [], [])[0]["content"].endswith("\n\n## Skills\nSort first.")


def test_a_doubled_dollar_sign_in_a_prompt_is_one_dollar_to_the_model() -> None:
    priced = prompt_set_of({**SHIPPED["components"], "system": "You earn $$5.", "skills": "Save $$2."})
    assert generation_messages(priced, VIEW, [], [])[0]["content"] == "You earn $5.\n\n## Skills\nSave $2."


@pytest.mark.parametrize("text", ["$task", "$$", "${code} and $1", "costs 5$"])
def test_dollar_signs_in_what_is_shown_survive(text: str) -> None:
    shown = user_text({**VIEW, "prompt": text}, [{**MEMORY, "text": text}], [{"code": text, "outcome": text}])
    assert shown.count(text) >= 4


def test_the_view_of_a_task_has_no_id_no_hidden_test_and_no_reference(task_of: Any) -> None:
    task: Task = task_of()
    view = view_of(task)
    assert set(view) == {"prompt", "entry_point", "examples"}
    assert view["examples"] == task["tests"][:1]


@pytest.mark.parametrize(
    ("test", "line"),
    [
        (EXAMPLE, "assert f(1, 'a') == 2"),
        ({**EXAMPLE, "args": "(1,)"}, "assert f(1) == 2"),
        ({**EXAMPLE, "args": "()"}, "assert f() == 2"),
        ({**EXAMPLE, "args": "((1, 2),)"}, "assert f((1, 2)) == 2"),
        ({**EXAMPLE, "args": "((),)"}, "assert f(()) == 2"),
        ({"kind": "assert", "code": "assert f(1)\n", "visible": True}, "assert f(1)"),
        ({"kind": "stdio", "stdin": "1\n", "stdout": "2", "visible": True}, r"# input '1\n' gives output '2'"),
    ],
)
def test_an_example_reads_as_one_statement(test: Test, line: str) -> None:
    assert example_line(test, "f") == line
