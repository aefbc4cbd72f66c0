from collections import Counter

from state.task import CallTest
from tasks.build import Draft, finish, split_of

TEST = CallTest(kind="call", args="(1,)", expected="2", visible=False)
DRAFT = Draft(task_id="a", prompt="Double it.", entry_point="double", tests=[TEST])


def test_splits_are_drawn_60_20_20_from_the_id_alone() -> None:
    counts = Counter(split_of(f"task/{number}") for number in range(10_000))
    assert abs(counts["train"] - 6_000) < 200
    assert abs(counts["validation"] - 2_000) < 200
    assert [split_of(name) for name in ("a", "b", "c", "d", "e")] == [
        "train",
        "validation",
        "train",
        "validation",
        "train",
    ]


def test_a_split_of_the_file_wins_over_the_drawn_one() -> None:
    assert finish(Draft(**{**vars(DRAFT), "split": "validation"}))["split"] == "validation"


def test_the_digest_depends_on_the_content_but_not_on_split_and_tags() -> None:
    first = finish(DRAFT)["digest"]
    assert finish(Draft(**{**vars(DRAFT), "split": "test", "tags": ["x"]}))["digest"] == first
    for change in (
        {"prompt": "x"},
        {"task_id": "b"},
        {"setup": "x = 1"},
        {"limits": {"cpu_s": 1.0}},
        {"reference": ""},
    ):
        assert finish(Draft(**{**vars(DRAFT), **change}))["digest"] != first


def test_a_changed_hidden_test_changes_the_digest() -> None:
    changed = CallTest(kind="call", args="(1,)", expected="3", visible=False)
    assert finish(Draft(**{**vars(DRAFT), "tests": [changed]}))["digest"] != finish(DRAFT)["digest"]
