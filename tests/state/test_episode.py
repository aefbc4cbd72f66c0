from typing import Any

import pytest

from state.episode import final_attempt


def attempt(index: int, visible_passed: int | None, finish: str = "stop") -> Any:
    report = None if visible_passed is None else {"visible_passed": visible_passed, "passed": 9 - visible_passed}
    return {"index": index, "finish": finish, "report": report}


@pytest.mark.parametrize(
    ("attempts", "chosen"),
    [
        ([attempt(0, 1), attempt(1, 2), attempt(2, 0)], 1),
        ([attempt(0, 1), attempt(1, 1)], 1),
        ([attempt(0, 0), attempt(1, 0, "declined")], 0),
        ([attempt(0, 0, "declined")], 0),
        ([attempt(0, 1), attempt(1, None)], 0),
        ([attempt(0, None)], 0),
    ],
    ids=["most examples", "latest of equals", "not the declined", "declined alone", "not yet run", "nothing else"],
)
def test_the_attempt_that_counts_is_chosen_by_visible_examples_alone(attempts: list[Any], chosen: int) -> None:
    assert final_attempt(attempts)["index"] == chosen
