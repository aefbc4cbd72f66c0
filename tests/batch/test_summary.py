from collections.abc import Callable
from typing import Any

import pytest

from batch.summary import RunSummary, summarise
from checkpoints.ledger import Ledger
from state.errors import SetupError
from storage.engine import Home


@pytest.fixture
def summary_of(home: Home, finished_of: Any) -> Callable[..., RunSummary]:
    """Record (phase, id, fields of the row) as one run; return its summary."""

    def run(*episodes: tuple[str, str, dict[str, Any]]) -> RunSummary:
        ledger = Ledger(home)
        ledger.begin_run(
            {"run_id": "run-1", "settings": {}, "status": "done", "started_at": 1.0, "ended_at": 2.0, "active_s": 1.0}
        )
        for position, (phase, name, fields) in enumerate(episodes):
            ledger.record(finished_of(name, **fields), "run-1", phase, position, had_failed=False)
        return summarise(ledger, "run-1")

    return run


TEST: Any = {"split": "test", "task": "t", "task_id": "t"}
SAME: Any = {"task": "s", "task_id": "s"}
WRONG: Any = {"solved": 0, "solved_first": 0, "reward": 0.25}
REPAIRED: Any = {"solved_first": 0}


def test_a_run_is_found_by_its_name_and_one_that_is_not_there_is_named(home: Home) -> None:
    with pytest.raises(SetupError, match="no run 'run-9' in this home; `ratchet runs` lists them"):
        summarise(Ledger(home), "run-9")


def test_a_run_without_results_has_no_tables(summary_of: Any) -> None:
    summary = summary_of()
    assert (summary.splits, summary.curve, summary.worst, summary.failures) == ([], [], [], [])


def test_first_attempts_and_repairs_are_told_apart_with_their_n(summary_of: Any) -> None:
    [train] = summary_of(("train:0000", "a", {}), ("train:0000", "b", REPAIRED), ("train:0001", "c", WRONG)).splits
    assert (train.split, train.tasks) == ("train", 3)
    assert (str(train.first), str(train.solved)) == ("0.33 (1 of 3)", "0.67 (2 of 3)")
    assert train.first.interval == "0.06 to 0.79"
    assert train.reward == pytest.approx(0.75)
    assert (train.at_k, train.tokens, train.cost_usd) == (None, 330, 1.5)


def test_splits_are_apart_and_together_where_there_are_several(summary_of: Any) -> None:
    splits = summary_of(("held_out:0001", "b", TEST), ("train:0000", "a", WRONG)).splits
    assert [(s.split, s.solved.successes, s.solved.n) for s in splits] == [
        ("train", 0, 1),
        ("test", 1, 1),
        ("all", 1, 2),
    ]


def test_only_the_last_measurement_counts_and_all_of_them_make_the_curve(summary_of: Any) -> None:
    summary = summary_of(
        ("held_out:0000", "a", TEST | WRONG),
        ("train:0000", "b", {}),
        ("train:0001", "c", {}),
        ("held_out:0002", "d", TEST),
    )
    assert [(s.split, s.solved.n) for s in summary.splits] == [("train", 2), ("test", 1), ("all", 3)]
    assert [(p.split, p.episodes, str(p.solved)) for p in summary.curve] == [
        ("test", 0, "0.00 (0 of 1)"),
        ("test", 2, "1.00 (1 of 1)"),
    ]
    assert summary.worst == []


def test_repeats_of_a_task_are_no_independent_trials(summary_of: Any) -> None:
    repeats = [("train:0000", f"{task}{n}", {"task": task, "repeat": n, **outcome})
               for task, outcome in (("a", {}), ("b", WRONG)) for n in range(3)]  # fmt: skip
    [train] = summary_of(*repeats).splits
    assert (train.tasks, train.at_k) == (2, (3, 0.5))
    assert str(train.first) == "0.50 (3 of 6)"
    assert train.first.interval == "0.00 to 1.00", "two tasks say little, however often they are tried"


def test_a_price_that_is_unknown_once_is_unknown_in_all(summary_of: Any) -> None:
    [train] = summary_of(("train:0000", "a", {}), ("train:0000", "b", {"cost_usd": None})).splits
    assert train.cost_usd is None


def test_the_worst_failures_come_first_one_per_task(summary_of: Any) -> None:
    rows = [("train:0000", f"e{n}", WRONG | {"reward": n / 10, "task": f"task {n}"}) for n in range(7, 0, -1)]
    rows.append(("train:0001", "again", WRONG | {"reward": 0.05, "task": "task 1"}))
    worst = summary_of(*rows, ("train:0001", "right", {"reward": 0.0})).worst
    assert [row["reward"] for row in worst] == [0.05, 0.2, 0.3, 0.4, 0.5]


def test_components_of_different_tables_are_averaged_over_all_episodes(summary_of: Any) -> None:
    tables = ({"correctness": 1.0}, {"correctness": 0.5, "adherence": 1.0})
    [train] = summary_of(*[("train:0000", f"e{n}", {"components": c}) for n, c in enumerate(tables)]).splits
    assert train.components == {"adherence": 0.5, "correctness": 0.75}


def test_of_several_epochs_the_last_one_counts(summary_of: Any) -> None:
    summary = summary_of(("train:0000", "a", WRONG | SAME), ("train:0001", "b", SAME))

    assert [(str(split.solved), split.at_k) for split in summary.splits] == [("1.00 (1 of 1)", None)]


def test_what_was_in_the_ledger_already_costs_the_run_nothing(summary_of: Any, home: Home) -> None:
    summary_of(("train:0000", "a", {}))
    Ledger(home).link("run-1", "train:0001", [(0, "a")])

    summary = summarise(Ledger(home), "run-1")
    assert (summary.reused, summary.splits[0].tokens) == (1, 110)


def test_tasks_that_were_all_solved_leave_room_for_doubt(summary_of: Any) -> None:
    rows = [("train:0000", f"{t}{n}", {"task": t, "task_id": t, "repeat": n}) for t in "abc" for n in (0, 1)]

    assert summary_of(*rows).splits[0].first.interval == "0.44 to 1.00"
