from typing import Any

import pytest

from state.verdict import deciding, solved


def verdict(visible: bool, status: str) -> Any:
    return {"visible": visible, "status": status}


def test_hidden_tests_decide_and_where_there_are_none_the_visible_ones_do() -> None:
    hidden, visible = verdict(False, "passed"), verdict(True, "failed")
    assert deciding([visible, hidden]) == [hidden]
    assert deciding([visible]) == [visible]


@pytest.mark.parametrize(("passed", "total", "expected"), [(2, 2, True), (1, 2, False), (0, 0, False)])
def test_a_task_is_solved_when_all_of_at_least_one_test_passed(passed: int, total: int, expected: bool) -> None:
    report: Any = {"passed": passed, "total": total}
    assert solved(report) is expected
