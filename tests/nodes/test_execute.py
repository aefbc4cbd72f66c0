import json
from collections.abc import Callable
from typing import Any

import pytest

from nodes.execute import execute, limits_for
from runtime.context import Context
from sandbox.protocol import Limits
from state.episode import Attempt
from storage.contents import ContentStore


@pytest.fixture
def ran(episode_of: Any, task_of: Any, attempt_of: Any, runtime: Any) -> Callable[..., Attempt]:
    """Run a program of the addition task in the sandbox; return the attempt with its report."""

    def run(code: str, **task: Any) -> Attempt:
        state: Any = {"episode": episode_of(task_of(**task)), "attempts": [attempt_of(code)]}
        [attempt] = execute(state, runtime)["attempts"]
        return attempt

    return run


def test_hidden_tests_decide_and_visible_ones_are_counted_apart(ran: Any) -> None:
    report = ran("def add(a, b):\n    return a + b if a != 7227 else 0\n")["report"]
    assert (report["passed"], report["total"], report["status"]) == (1, 2, "failed")
    assert (report["visible_passed"], report["visible_total"], report["limit"]) == (1, 1, "")


def test_where_no_test_is_hidden_the_visible_ones_decide(ran: Any, task_of: Any) -> None:
    report = ran("def add(a, b):\n    return a + b\n", tests=task_of()["tests"][:1])["report"]
    assert (report["passed"], report["total"], report["visible_total"], report["status"]) == (1, 1, 1, "passed")


@pytest.mark.parametrize(
    ("code", "status"),
    [("def add(a, b): return a - b", "failed"), ("def add(a, b): return a / 0", "error"), ("def add(:", "error")],
)
def test_the_status_is_that_of_the_first_hidden_test_that_did_not_pass(ran: Any, code: str, status: str) -> None:
    assert ran(code)["report"]["status"] == status


def test_a_model_that_declined_has_passed_nothing_and_nothing_is_run(ran: Any, task_of: Any) -> None:
    report = ran("")["report"]
    assert (report["passed"], report["total"], report["status"], report["report"]) == (0, 2, "not_run", "")
    assert (report["visible_passed"], report["visible_total"]) == (0, 1)
    assert ran("", tests=task_of()["tests"][:1])["report"]["total"] == 1


def test_the_same_program_run_twice_has_one_stored_report(ran: Any, contents: ContentStore) -> None:
    code = "def add(a, b):\n    print(object())\n    return object()\n"
    first, second = ran(code)["report"], ran(code)["report"]
    assert first["report"] == second["report"], "neither times nor addresses are in it"
    stored = json.loads(contents.get(first["report"]))
    assert not {"cpu_s", "wall_s", "peak_memory_bytes"} & set(stored)
    assert "0x…" in stored["stdout"]


def test_an_example_that_uses_up_the_limits_takes_nothing_from_the_hidden_tests(ran: Any, contents: Any) -> None:
    code = "def add(a, b):\n    while a == 1: pass\n    return a + b\n"
    report = ran(code, limits={"cpu_s": 0.5})["report"]
    assert (report["visible_passed"], report["passed"], report["total"]) == (0, 2, 2)
    assert report["limit"] == "cpu"
    statuses = [verdict["status"] for verdict in json.loads(contents.get(report["report"]))["verdicts"]]
    assert statuses == ["timeout", "passed", "passed"]


def test_a_hidden_test_that_hangs_ends_the_program_at_its_limit(ran: Any) -> None:
    report = ran("def add(a, b):\n    while a > 1: pass\n    return a + b\n", limits={"cpu_s": 0.5})["report"]
    assert (report["visible_passed"], report["passed"], report["status"], report["limit"]) == (1, 0, "timeout", "cpu")


def test_a_tasks_own_limits_go_over_those_of_the_settings(context: Context, task_of: Any) -> None:
    limits = limits_for(task_of(limits={"memory_mb": 128}), context)
    assert limits == Limits(cpu_s=10.0, wall_s=60.0, memory_mb=128)


def test_the_tests_may_use_the_tasks_setup_and_the_program_may_not(ran: Any) -> None:
    tests = [{"kind": "assert", "code": "assert add(*PAIR) == 3", "visible": False}]
    task = {"setup": "PAIR = (1, 2)\n", "tests": tests}
    assert ran("def add(a, b):\n    return a + b\n", **task)["report"]["passed"] == 1
    assert ran("def add(a, b):\n    return sum(PAIR)\n", **task)["report"]["status"] == "error"
