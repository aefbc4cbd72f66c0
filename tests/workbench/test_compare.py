import math

import pytest

from state.errors import SetupError
from state.ledger import FinishedEpisode
from workbench.bench import Workbench
from workbench.compare import EpisodeComparison, RunComparison, compare
from workbench.fork import Changes, fork
from workbench.paired import mcnemar, paired

Episodes = dict[str, FinishedEpisode]


def test_two_episodes_are_shown_with_what_differs_node_by_node(bench: Workbench, episodes: Episodes) -> None:
    original = episodes["add/1"]["episode_id"]
    broken = "def add_1(x):\n    return x\n"
    found = compare(bench, original, fork(bench, original, Changes(state={"code": broken}), at="execute"))
    assert isinstance(found, EpisodeComparison)
    assert {row.label: (row.first, row.second) for row in found.rows if row.differs}["result"] == (
        "solved",
        "solved by a repair",
    )
    nodes = [(row.label, row.first, row.second) for row in found.nodes]
    assert nodes[0] == ("retrieve", "", "same")
    assert nodes[3] == ("", "review", "reflect"), "from here on they went different ways"
    verdicts = [(row.label.partition(",")[0], row.first, row.second.partition(" ")[0]) for row in found.verdicts]
    assert ("attempt 1", "passed", "failed") in verdicts, "what was changed is not hidden by its repair"
    assert verdicts[-1] == ("attempt 2", "", "passed")
    assert found.code_diff == []
    assert original[:15] in found._repr_html_()


def test_programs_that_differ_are_shown_as_a_diff_and_verdicts_test_by_test(
    bench: Workbench, episodes: Episodes
) -> None:
    found = compare(bench, episodes["add/1"]["episode_id"], episodes["add/2"]["episode_id"])
    assert isinstance(found, EpisodeComparison)
    assert "-def add_1(x: int) -> int:" in found.code_diff
    assert [row.first for row in found.verdicts] == ["passed"] * 6
    assert "add_2" in found._repr_html_()


def test_a_run_compared_with_itself_has_no_difference(bench: Workbench, run_id: str) -> None:
    found = compare(bench, run_id, run_id)
    assert isinstance(found, RunComparison)
    assert [(name, p.n, p.difference, p.is_significant) for name, p in found.splits] == [
        ("train", 9, 0.0, False),
        ("test", 1, 0.0, False),
        ("all", 10, 0.0, False),
    ]
    assert (found.changed, found.settings) == ([], [])
    assert "not significant" in found._repr_html_()


def test_a_run_and_an_episode_cannot_be_compared(bench: Workbench, episodes: Episodes, run_id: str) -> None:
    with pytest.raises(SetupError, match="no run and no episode"):
        compare(bench, run_id, "run-nope")
    with pytest.raises(SetupError, match="compare two runs, or two episodes"):
        compare(bench, run_id, episodes["add/1"]["episode_id"])


def pairs(both: int, only_first: int, only_second: int, neither: int) -> list[tuple[float, float]]:
    return [(1.0, 1.0)] * both + [(1.0, 0.0)] * only_first + [(0.0, 1.0)] * only_second + [(0.0, 0.0)] * neither


def test_the_interval_of_a_paired_difference_is_newcombes() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table II, method 10: 36, 12, 2, 0 gives 0.0569 to 0.3404
    found = paired(pairs(36, 2, 12, 0))
    assert found.difference == pytest.approx(0.2)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0569, 0.3404)
    assert found.is_significant


def test_the_p_value_is_that_of_the_exact_sign_test() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(5, 0) == mcnemar(0, 5)
    assert mcnemar(3, 3) == 1.0


def test_few_tasks_are_never_called_significant() -> None:
    assert not paired(pairs(0, 0, 3, 0)).is_significant


def test_rates_of_repeated_tasks_are_compared_task_by_task() -> None:
    found = paired([(0.0, 0.5), (0.5, 1.0), (0.5, 0.5), (0.25, 0.75)])
    assert (found.only_second, found.difference) == (3, 0.375)
    assert math.isclose(found.low + found.high, 0.75)
    assert (paired([(0.5, 0.75)]).low, paired([(0.5, 0.75)]).high) == (-1.0, 1.0)
    with pytest.raises(ValueError, match="no task in common"):
        paired([])
