import json
from collections.abc import Callable
from typing import Any

import pytest

from nodes.reflect import reflect
from nodes.retrieve import retrieve
from prompts.outcome import MAX_EXAMPLES
from runtime.context import Context
from storage.contents import ContentStore


@pytest.fixture
def outcome(episode_of: Any, task_of: Any, executed: Any, runtime: Any, contents: ContentStore) -> Callable[..., str]:
    """Run `reflect` on verdicts of the addition task; return what the next attempt will be told."""

    def tell(*verdicts: Any, limit: str = "", learn: bool = True, **task: Any) -> str:
        attempt = executed(list(verdicts), limit=limit)
        state: Any = {"episode": episode_of(task_of(**task), learn=learn), "attempts": [attempt]}
        [changed] = reflect(state, runtime)["attempts"]
        assert {**changed, "feedback": ""} == attempt
        told: str = json.loads(contents.get(changed["feedback"]))["outcome"]
        return told

    return tell


def test_a_failed_example_is_quoted_with_what_the_program_gave(outcome: Any, verdict_of: Any) -> None:
    assert outcome(verdict_of(True, "failed", got="-1")) == "assert add(1, 2) == 3 failed: got -1"


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ({"status": "failed"}, "failed"),
        ({"status": "error", "error_type": "KeyError", "message": "'x'"}, "raised KeyError: 'x'"),
        (
            {"status": "error", "error_type": "E", "message": "m", "traceback": ["line 1, in a", "line 2, in b"]},
            "raised E: m (line 2, in b)",
        ),
        ({"status": "timeout"}, "did not finish: too slow"),
        (
            {"status": "timeout", "traceback": ["line 7, in add: while True:"]},
            "did not finish: too slow (line 7, in add: while True:)",
        ),
        ({"status": "killed"}, "did not finish: ended by the sandbox"),
        ({"status": "not_run"}, "did not finish: never reached"),
    ],
)
def test_every_way_an_example_fails_is_told(outcome: Any, verdict_of: Any, verdict: Any, told: str) -> None:
    assert outcome(verdict_of(True, **verdict)) == f"assert add(1, 2) == 3 {told}"


def test_of_hidden_tests_only_the_shape_of_the_failure_is_told(outcome: Any, verdict_of: Any) -> None:
    error = {"error_type": "KeyError", "message": "7117", "traceback": ["line 2, in add: return {7117: 1}[a]"]}
    told = outcome(
        verdict_of(True),
        verdict_of(False, "error", **error),
        verdict_of(False, "error", **error),
        verdict_of(False, "failed", got="7117"),
        verdict_of(False, "timeout", message="timeout after 1 s in line 7117"),
        verdict_of(False),
    )
    assert told == "4 of 5 hidden tests failed: KeyError (2), too slow (1), wrong answer (1)"


def test_an_exception_that_a_program_named_after_a_hidden_input_says_nothing(outcome: Any, verdict_of: Any) -> None:
    told = outcome(verdict_of(True), verdict_of(False, "error", error_type="add_7117_1", message="7118"))
    assert told == "1 of 1 hidden tests failed: an exception of its own (1)"


def test_on_a_held_out_task_nothing_is_said_of_hidden_tests(outcome: Any, verdict_of: Any) -> None:
    verdicts = (verdict_of(True, "failed", got="0"), verdict_of(False, "timeout"), verdict_of(False, "not_run"))
    assert outcome(*verdicts, limit="cpu", learn=False) == "assert add(1, 2) == 3 failed: got 0"


def test_the_limit_that_ended_the_program_is_named_with_the_tasks_own_figure(outcome: Any, verdict_of: Any) -> None:
    timeout = verdict_of(True, "timeout")
    assert outcome(timeout, limit="cpu").endswith("The program was ended at its cpu limit after 10 CPU seconds.")
    assert "after 0.5 CPU seconds." in outcome(timeout, limit="cpu", limits={"cpu_s": 0.5})
    assert outcome(timeout, limit="cpu", learn=False).endswith("10 CPU seconds.")
    memory = verdict_of(True, "error", error_type="MemoryError")
    assert outcome(memory, limit="memory").endswith("The program was ended at its memory limit.")


def test_a_handful_of_failing_examples_is_enough(outcome: Any, verdict_of: Any, task_of: Any) -> None:
    tests = task_of()["tests"][:1] * 8
    told = outcome(*[verdict_of(True, "failed", got=str(n)) for n in range(8)], tests=tests)
    assert len(told.split("\n")) == MAX_EXAMPLES


def test_an_example_of_several_asserts_is_named_by_the_one_that_failed(outcome: Any, verdict_of: Any) -> None:
    first, second = verdict_of(True, name="assert add(0, 0) == 0"), verdict_of(True, "failed", name="assert add(0, 1)")
    assert outcome(first, second) == "assert add(0, 1) failed"


def test_a_like_failure_that_was_repaired_is_shown_where_asked_for(
    episode_of: Any, task_of: Any, executed: Any, verdict_of: Any, runtime_with: Any, context: Context
) -> None:
    own, other = (
        context.memory.add(
            {
                "kind": "semantic", "cause": text, "text": f"IndexError: {text}", "code": "-a\n+b", "entry_point": "",
                "signature": "", "importance": 0.5, "recipe": True,
                "origin": {"run_id": "run-1", "batch": 0, "episode_id": "e"},
            }
        )
        for text in ("add: Return the sum of a and b.", "total: Return the sum of a list.")
    )  # fmt: skip
    horizon = {"watermark": 0, "run_id": "run-1", "batch": 1}
    attempt = executed([verdict_of(True, "error", error_type="IndexError")])
    state: Any = {
        "episode": episode_of(task_of(), horizon=horizon, memory_snapshot="s"),
        "memories": [{"memory_id": "m", "kind": "procedural", "score": 1.0}],
        "attempts": [attempt],
    }
    shown = [memory["memory_id"] for memory in reflect(state, runtime_with({"recipes": 2}))["memories"]]
    assert shown == ["m", other], "the task's own repair would give its solution away"
    assert own not in shown
    assert "memories" not in reflect(state, runtime_with({}))
    assert retrieve(state, runtime_with({}))["memories"] == [], "recipes are for failures"
