from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from state.reducers import latest_by_batch, latest_by_index

ATTEMPTS = st.lists(st.fixed_dictionaries({"index": st.integers(0, 4), "code": st.text(max_size=2)}))
POINTS = st.lists(
    st.fixed_dictionaries(
        {"batch": st.integers(0, 3), "split": st.sampled_from(["test", "validation"]), "n": st.none()}
    )
)


def test_a_newer_version_of_a_record_replaces_the_older_one_and_others_stay() -> None:
    old = [{"index": 0, "code": "a"}, {"index": 1, "code": "b"}]
    assert latest_by_index(old, [{"index": 1, "code": "c"}]) == [old[0], {"index": 1, "code": "c"}]
    assert old[1]["code"] == "b", "what a checkpoint holds is not changed in place"


def test_measurements_of_two_splits_at_one_batch_are_two_points() -> None:
    test, validation = ({"batch": 0, "split": split} for split in ("test", "validation"))
    assert latest_by_batch([validation], [test]) == [test, validation]


@given(old=ATTEMPTS, new=ATTEMPTS)
def test_attempts_written_twice_are_there_once_in_order(old: list[Any], new: list[Any]) -> None:
    once = latest_by_index(old, new)
    assert latest_by_index(once, new) == once
    assert [attempt["index"] for attempt in once] == sorted({attempt["index"] for attempt in old + new})


@given(old=POINTS, new=POINTS)
def test_measurements_written_twice_are_there_once(old: list[Any], new: list[Any]) -> None:
    once = latest_by_batch(old, new)
    assert latest_by_batch(once, new) == once
