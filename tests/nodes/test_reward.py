from collections.abc import Callable
from typing import Any

import pytest

from nodes.review import review
from nodes.reward import reward
from rewards.combine import RewardTable
from state.reward import Reward

RIGHT = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def rewarded(episode_of: Any, task_of: Any, runtime_with: Any) -> Callable[..., Reward]:
    """Review and reward attempts at the addition task."""

    def run(*attempts: Any, task: Any = None, **services: Any) -> Reward:
        state: Any = {"episode": episode_of(task or task_of()), "attempts": list(attempts)}
        runtime = runtime_with(**services)
        return reward({**state, **review(state, runtime)}, runtime)["reward"]

    return run


def test_a_right_and_calm_program_gets_everything(rewarded: Any, executed: Any, verdict_of: Any) -> None:
    got = rewarded(executed([verdict_of(True), verdict_of(False)], code=RIGHT))
    assert got == {
        "total": 1.0,
        "components": {"adherence": 1.0, "correctness": 1.0, "efficiency": 1.0, "readability": 1.0},
        "table": RewardTable().version,
    }


def test_a_wrong_program_gets_less_than_a_right_one_whatever_else_it_does(
    rewarded: Any, executed: Any, verdict_of: Any
) -> None:
    wrong = executed([verdict_of(True), *[verdict_of(False)] * 99, verdict_of(False, "failed")], code=RIGHT)
    assert rewarded(wrong)["total"] == pytest.approx(0.7 * 0.495 + 0.2)


def test_a_model_that_declined_gets_nothing(rewarded: Any, attempt_of: Any) -> None:
    report = {"passed": 0, "total": 2, "visible_passed": 0, "visible_total": 1, "cpu_s": 0.0}
    assert rewarded(attempt_of("", report=report))["total"] == 0.0


def test_the_table_of_the_context_says_what_counts(rewarded: Any, executed: Any, verdict_of: Any) -> None:
    table = RewardTable({"adherence": 1.0})
    got = rewarded(executed([verdict_of(False, "failed")], code=RIGHT), rewards=table)
    assert (got["total"], got["components"], got["table"]) == (1.0, {"adherence": 1.0}, table.version)


@pytest.mark.parametrize(
    ("prompt", "adherence"),
    [
        ('def add(a, b):\n    """Sum."""\n', 1.0),
        ("def add(x, y):\n    # sum", 0.5),
        ("Write add.", 0.5),
    ],
    ids=["as in the prompt", "not as in the prompt", "as in the reference, where the prompt is prose"],
)
def test_the_parameters_asked_for_are_those_of_the_prompt_or_else_of_the_reference(
    rewarded: Any, executed: Any, verdict_of: Any, task_of: Any, prompt: str, adherence: float
) -> None:
    task = task_of(prompt=prompt, reference="def add(left, right): return left + right\n")
    got = rewarded(executed([verdict_of(False)], code=RIGHT), task=task)
    assert got["components"]["adherence"] == adherence
