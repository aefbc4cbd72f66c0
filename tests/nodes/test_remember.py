from collections.abc import Callable
from typing import Any

import pytest

from nodes.remember import remember
from runtime.context import Context
from state.memory_item import MemoryHit
from tasks.describe import DESCRIPTION_CHARACTERS

CODE = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def memories(
    episode_of: Any, task_of: Any, executed: Any, verdict_of: Any, runtime: Any, context: Context
) -> Callable[..., list[MemoryHit]]:
    """Run `remember` on an episode of the addition task; return the memories it wrote."""

    def write(status: str = "passed", code: str = CODE, task: Any = None, **episode: Any) -> list[MemoryHit]:
        attempt = executed([verdict_of(True), verdict_of(False, status)], code=code)
        state: Any = {
            "episode": episode_of(task or task_of(), **episode),
            "attempts": [attempt],
            "review": {"metrics": {"parameters": ["a", "b"]}},
            "reward": {"total": 0.75},
        }
        return context.memory.get(remember(state, runtime)["remembered"])

    return write


def test_a_solved_task_leaves_what_happened_and_the_program_that_did_it(memories: Any) -> None:
    experience, skill = memories()
    assert (experience["kind"], experience["code"]) == ("episodic", "")
    assert experience["text"] == "add: Return the sum of a and b.\nsolved with 1 attempt(s)"
    assert (skill["kind"], skill["code"], skill["entry_point"]) == ("procedural", CODE, "add")
    assert skill["text"] == "add: Return the sum of a and b."


def test_a_task_that_was_not_solved_leaves_no_program(memories: Any) -> None:
    [experience] = memories("timeout")
    assert experience["kind"] == "episodic"
    assert experience["text"].endswith("not solved (timeout) with 1 attempt(s)")


def test_remembering_an_episode_twice_leaves_its_memories_once(memories: Any, context: Context) -> None:
    once = memories()
    written = context.memory.watermark()
    assert memories() == once
    assert context.memory.watermark() == written == 2


def test_the_same_program_found_again_in_another_episode_is_one_skill(memories: Any) -> None:
    first, second = memories(episode_id="e1"), memories(episode_id="e2")
    assert first[1] == second[1]
    assert first[0]["memory_id"] != second[0]["memory_id"]
    assert memories(code=f"{CODE}# otherwise\n")[1]["memory_id"] != first[1]["memory_id"]


def test_a_held_out_task_leaves_nothing(memories: Any, context: Context) -> None:
    assert memories(learn=False) == []
    assert context.memory.watermark() == 0


def test_nothing_of_hidden_tests_or_the_reference_is_remembered(memories: Any) -> None:
    kept = "".join(hit["text"] + hit["code"] for status in ("passed", "failed") for hit in memories(status))
    assert not [secret for secret in ("7117", "7118", "7227", "reference", "secret-id") if secret in kept]


@pytest.mark.parametrize(
    ("prompt", "description"),
    [
        ('def add(a, b):\n    """Add.\n\n    >>> add(1, 2)\n    3\n    """\n', "add: Add."),
        ("def add(a, b):\n    # no docstring", "add: def add(a, b):\n    # no docstring"),
        ("Add two numbers.\n>>> add(1, 2)", "add: Add two numbers."),
        ("x" * 5_000, f"add: {'x' * (DESCRIPTION_CHARACTERS - 5)}"),
    ],
)
def test_a_memory_is_found_by_what_the_task_says_without_its_examples(
    memories: Any, task_of: Any, prompt: str, description: str
) -> None:
    assert memories(task=task_of(prompt=prompt))[1]["text"] == description


def test_a_model_that_declined_leaves_that_it_did_not_solve_the_task(
    episode_of: Any, task_of: Any, attempt_of: Any, runtime: Any, context: Context
) -> None:
    report = {"passed": 0, "total": 2, "visible_passed": 0, "status": "not_run"}
    state: Any = {
        "episode": episode_of(task_of()),
        "attempts": [attempt_of("", report=report)],
        "reward": {"total": 0.0},
    }
    [hit] = context.memory.get(remember(state, runtime)["remembered"])
    assert hit["text"].endswith("not solved (not_run) with 1 attempt(s)")


@pytest.fixture
def repaired(
    episode_of: Any, task_of: Any, executed: Any, verdict_of: Any, runtime: Any, context: Context
) -> Callable[..., list[MemoryHit]]:
    """Run `remember` on an episode whose first program failed and whose second one passed; return its recipes."""

    def write(before: str, after: str = CODE, **episode: Any) -> list[MemoryHit]:
        failed = executed([verdict_of(True), verdict_of(False, "error", error_type="IndexError")], code=before)
        passed = executed([verdict_of(True), verdict_of(False)], code=after, index=1)
        state: Any = {
            "episode": episode_of(task_of(), **episode),
            "attempts": [failed, passed],
            "review": {"metrics": {"parameters": ["a", "b"]}},
            "reward": {"total": 0.75},
        }
        return [one for one in context.memory.get(remember(state, runtime)["remembered"]) if one["kind"] == "semantic"]

    return write


def test_a_failure_that_was_repaired_leaves_its_shape_and_what_changed(repaired: Any) -> None:
    [recipe] = repaired("def add(a, b):\n    return [a, b][2]\n")
    assert recipe["text"] == "IndexError: add: Return the sum of a and b."
    assert recipe["code"].splitlines()[1:] == [" def add(a, b):", "-    return [a, b][2]", "+    return a + b"]
    assert not [secret for secret in ("7117", "7118", "reference") if secret in recipe["text"] + recipe["code"]]


def test_another_program_altogether_is_no_repair(repaired: Any) -> None:
    assert repaired("\n".join(f"x{number} = {number}" for number in range(60))) == []
    assert repaired("def add(a, b):\n    return a\n", learn=False) == []
