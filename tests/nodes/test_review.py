from collections.abc import Callable
from typing import Any

import pytest

from nodes.review import review
from state.review import Review


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
