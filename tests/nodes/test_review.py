from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from models.roles import models_with
from nodes.review import review
from runtime.settings import RoleSettings
from state.errors import ExhaustedError
from state.review import Review
from storage.contents import ContentStore

CODE = "def add(a, b):\n    return a + a\n"


@pytest.fixture
def reviewed(episode_of: Any, task_of: Any, runtime: Any) -> Callable[..., Review]:
    def run(*attempts: Any) -> Review:
        state: Any = {"episode": episode_of(task_of()), "attempts": list(attempts)}
        return review(state, runtime)["review"]

    return run


def test_the_program_is_measured_for_the_entry_point_of_the_task(reviewed: Any, executed: Any, verdict_of: Any) -> None:
    found = reviewed(executed([verdict_of(False)], code="def add(a, b):\n    return a\n"))
    assert found["metrics"]["defines_entry_point"]
    assert [finding["detail"] for finding in found["findings"]] == ["add never uses b"]


@pytest.mark.parametrize(
    ("visible", "hidden", "overfit"),
    [
        (["passed"], ["failed"], True),
        (["passed"], ["passed"], False),
        (["failed"], ["failed"], False),
        ([], ["failed"], False),
    ],
)
def test_a_program_overfits_when_it_passes_every_example_and_fails_a_hidden_test(
    reviewed: Any, executed: Any, verdict_of: Any, visible: list[str], hidden: list[str], overfit: bool
) -> None:
    verdicts = [verdict_of(True, status) for status in visible] + [verdict_of(False, status) for status in hidden]
    assert reviewed(executed(verdicts))["overfit"] is overfit


def test_the_attempt_that_counts_is_reviewed_not_the_latest(reviewed: Any, executed: Any, verdict_of: Any) -> None:
    good = executed([verdict_of(True), verdict_of(False)], code="def add(a, b): return a + b")
    later = executed([verdict_of(True, "failed"), verdict_of(False)], code="nothing()", index=1)
    assert reviewed(good, later)["metrics"]["defines_entry_point"]


def test_a_model_that_declined_has_nothing_to_review(reviewed: Any, attempt_of: Any) -> None:
    report = {"passed": 0, "total": 2, "visible_passed": 0, "visible_total": 1}
    found = reviewed(attempt_of("", report=report))
    assert (found["findings"], found["overfit"], found["metrics"]["lines"]) == ([], False, 0)


SAID = '{"score": 0.25, "critique": "It\\u0000 adds.", "findings": [{"line": 2, "detail": "a is added twice"}]}'


@pytest.fixture
def judged(episode_of: Any, task_of: Any, runtime_with: Any, executed: Any, verdict_of: Any) -> Callable[..., Review]:
    """Review an addition that fits its example and fails a hidden test, with a reviewer that says this."""

    def run(model: Any) -> Review:
        verdicts = [verdict_of(True), verdict_of(False, "failed", got="7119")]
        state: Any = {"episode": episode_of(task_of()), "attempts": [executed(verdicts, code=CODE)]}
        roles = {"review": RoleSettings(model="offline")}
        return review(state, runtime_with({"roles": roles}, models=models_with(model)))["review"]

    return run


def test_a_reviewers_words_become_an_opinion_with_its_calls(judged: Any, contents: ContentStore) -> None:
    opinion = judged(FakeListChatModel(responses=[SAID]))["opinion"]
    assert (opinion["score"], opinion["critique"], opinion["agreement"]) == (0.25, "It adds.", None)
    assert opinion["findings"] == [
        {"line": 2, "severity": "warning", "rule": "reviewer", "detail": "a is added twice"}
    ]  # fmt: skip
    [call] = opinion["calls"]
    assert contents.get(call["answer"]) == SAID
    assert call["model"] == "fake-list-chat-model"


def test_a_reviewer_is_shown_the_program_and_what_its_author_saw_and_no_hidden_test(
    judged: Any, contents: ContentStore
) -> None:
    [call] = judged(FakeListChatModel(responses=[SAID]))["opinion"]["calls"]
    asked = contents.get(call["request"])
    assert all(shown in asked for shown in ("assert add(1, 2) == 3", "return a + a", "add never uses b"))
    assert not [secret for secret in ("7117", "7118", "7119", "hidden", "reference") if secret in asked.lower()]


def test_an_answer_that_cannot_be_read_is_asked_for_again_and_both_calls_are_counted(
    judged: Any, contents: ContentStore
) -> None:
    first, second = judged(FakeListChatModel(responses=["It is fine.", f"```json\n{SAID}\n```"]))["opinion"]["calls"]
    assert contents.get(first["answer"]) == "It is fine."
    assert "It cannot be read: no JSON in it" in contents.get(second["request"])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("Fine.", "no JSON in it"),
        ('{"score": }', "no valid JSON"),
        ('{"score": 7}', "score: Input should be less"),
        ('{"critique": "good"}', "score: Field required"),
        ('{"score": NaN}', "score: Input should be"),
    ],
)
def test_a_reviewer_that_never_gives_a_review_leaves_the_episode_without_a_result(
    judged: Any, answer: str, why: str
) -> None:
    with pytest.raises(ExhaustedError, match=f"the reviewer's answer cannot be read: {why}") as raised:
        judged(FakeListChatModel(responses=[answer]))
    assert raised.value.reason == "unreadable review"


def test_nobody_is_asked_for_a_review_of_nothing_or_where_the_run_has_no_reviewer(
    reviewed: Any, executed: Any, verdict_of: Any, attempt_of: Any, runtime_with: Any, episode_of: Any, task_of: Any
) -> None:
    assert "opinion" not in reviewed(executed([verdict_of(False)], code=CODE))
    report = {"passed": 0, "total": 2, "visible_passed": 0, "visible_total": 1}
    state: Any = {"episode": episode_of(task_of()), "attempts": [attempt_of("", report=report)]}
    runtime = runtime_with({"roles": {"review": RoleSettings(model="offline")}})
    assert "opinion" not in review(state, runtime)["review"]
