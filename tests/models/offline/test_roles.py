"""The offline model's other roles, asked for by messages."""

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest

from models.offline.bank import Budget
from models.offline.chat import OfflineChatModel
from models.offline.pool import pool_of
from models.offline.recognise import components_in
from models.offline.roles import respond
from prompts.registry import shipped_prompt_set
from prompts.reviews import Said, review_in, review_messages
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


LONGEST: TaskView = {
    "prompt": 'def longest(words: list[str]) -> str:\n    """Return the longest word."""\n',
    "entry_point": "longest",
    "examples": [
        {"kind": "call", "args": "(['fog', 'lantern', 'ant'],)", "expected": "'lantern'", "visible": True},
        {"kind": "call", "args": "(['bee', 'io', 'antler', 'xylem'],)", "expected": "'antler'", "visible": True},
    ],
}


def reviewed(model: OfflineChatModel, body: str, findings: Any = ()) -> Said:
    messages = review_messages(shipped_prompt_set(), LONGEST, f"def longest(words):\n    {body}\n", findings, "")
    review = review_in(model.invoke(said(messages)).text)
    assert isinstance(review, Said)
    return review


def test_a_review_trusts_what_other_programs_agree_with_more_than_what_fits_by_chance(model: OfflineChatModel) -> None:
    right = reviewed(model, "return max(words, key=len)")
    lucky = reviewed(model, "return words[1] if words[0] == 'fog' else 'antler'")
    assert right.agreement is not None
    assert lucky.agreement is not None
    assert (right.agreement > lucky.agreement, right.score > lucky.score, right.findings) == (True, True, [])


@pytest.mark.parametrize(
    ("body", "score", "finding"),
    [
        ("return words[0]", 0.0, "longest(['fog', 'lantern', 'ant']) gives 'fog', expected 'lantern'"),
        ("return words[9]", 0.0, "longest(['fog', 'lantern', 'ant']) fails, expected 'lantern'"),
        ("while True: pass", 0.2, "takes too many steps"),
        ("return {'fog': 'lantern', 'bee': 'antler'}[words[0]]", 0.4, "raises KeyError"),
    ],
)
def test_a_review_names_the_examples_and_the_probe_inputs_on_which_a_program_fails(
    model: OfflineChatModel, body: str, score: float, finding: str
) -> None:
    review = reviewed(model, body)
    assert review.score <= score
    assert any(finding in remark["detail"] for remark in review.remarks())


def test_a_review_repeats_static_findings_and_says_what_it_could_not_run(model: OfflineChatModel) -> None:
    finding = {"rule": "strange call", "line": 3, "severity": "warning", "detail": "calls exit()"}
    review = reviewed(model, "import socket\n    return words[0]", [finding])
    assert [remark["detail"] for remark in review.remarks()] == ["line 3: strange call, calls exit()"]
    assert review.critique.startswith("I cannot run this program")
    assert reviewed(model, "return (").critique == "It does not parse."


def test_a_program_that_ended_its_search_process_is_reviewed_without_being_run_again() -> None:
    messages = review_messages(shipped_prompt_set(), LONGEST, "def longest(words):\n    return max(words)\n", [], "")
    review = review_in(respond(messages[0]["content"], messages[1]["content"], Budget(100), code=False).text)
    assert isinstance(review, Said)
    assert (review.score, review.critique) == (0.0, "The program ended the process it ran in.")
