"""The offline model's other roles, asked for by messages."""

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest

from models.offline.chat import OfflineChatModel
from models.offline.pool import pool_of
from models.offline.recognise import components_in
from prompts.roles import proposal_messages, reflection_messages
from state.message import Message
from state.task import TaskView


@pytest.fixture(scope="module")
def model() -> Iterator[OfflineChatModel]:
    yield OfflineChatModel(budget=3_000, workers=1)
    pool_of(1).close()


def view(text: str) -> TaskView:
    return {"prompt": f'def f(xs):\n    """{text}"""\n', "entry_point": "f", "examples": []}


def said(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


def test_reflecting_on_solved_tasks_gives_skill_lines_with_counts(model: OfflineChatModel) -> None:
    experience = [
        {"view": view("Glimmering."), "code": "def f(xs):\n    return min(xs)\n"},
        {"view": view("Glimmering, doubled."), "code": "def f(xs):\n    return 2 * min(xs)\n"},
        {"view": view("Shout it."), "code": "def f(xs):\n    return xs.upper()\n"},
        {"view": view("Shout all."), "code": "def f(xs):\n    return xs.upper()\n"},
    ]
    answer = model.invoke(said(reflection_messages(experience)))  # type: ignore[arg-type]
    assert "- when glimmering: prefer min(+1)  # 2 of 2" in answer.text.splitlines()
    assert answer.response_metadata["solved_tasks"] == 4


def test_reflecting_on_nothing_says_so(model: OfflineChatModel) -> None:
    assert model.invoke(said(reflection_messages([]))).text == "I see no pattern in 0 solved tasks."


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def f(x):\n    return int(str(abs(x))[::-1])", ["reverse_int"]),
        ("def f(xs):\n    return sum([n for n in xs if n % 3 == 0])", ["divisible", "filter", "sum"]),
        ("def f(xs):\n    return [x * x for x in xs if is_prime(x)]", ["filter", "is_prime", "map", "square"]),
        ("def f(", []),
    ],
)  # fmt: skip
def test_components_are_recognised_by_the_most_detailed_template_that_matches(code: str, names: list[str]) -> None:
    assert components_in(code) == names


def test_a_proposal_is_a_task_in_json_and_half_a_character_does_not_hinder_it(model: OfflineChatModel) -> None:
    asked = proposal_messages(3, seed=1, known=["\udd97"])
    answer = model.invoke(said(asked))
    block = answer.text.split("```json\n")[1].split("```")[0]
    task = json.loads(block)
    names: dict[str, Any] = {}
    exec(task["reference"], names)
    assert all(names[task["entry_point"]](*ast.literal_eval(text)) is not None for text in task["inputs"])
    assert answer.text == model.invoke(said(asked)).text
