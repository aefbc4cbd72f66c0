from random import Random
from statistics import fmean

import gepa.gepa_utils as oracle
from hypothesis import given
from hypothesis import strategies as st

from optimization.pareto import (
    best_candidate,
    mean_scores,
    pareto_fronts,
    select_parent,
    selection_weights,
    without_dominated,
)

TASKS = [f"t{i}" for i in range(6)]
SCORES = st.lists(
    st.dictionaries(st.sampled_from(TASKS), st.sampled_from([0.0, 0.5, 1.0]), max_size=6), min_size=1, max_size=9
)


def ranked_means(scores: list[dict[str, float]]) -> list[float]:
    """Means with ties broken by age, as ours are."""
    return [mean + 1e-9 * i for i, mean in enumerate(mean_scores(scores))]


@given(scores=SCORES)
def test_fronts_without_the_dominated_equal_those_of_gepa(scores: list[dict[str, float]]) -> None:
    fronts = pareto_fronts(scores)
    theirs = oracle.remove_dominated_programs({t: set(f) for t, f in fronts.items()}, scores=ranked_means(scores))

    assert {t: set(f) for t, f in without_dominated(fronts, mean_scores(scores)).items()} == theirs


@given(scores=SCORES)
def test_parents_are_drawn_with_the_odds_of_gepa(scores: list[dict[str, float]]) -> None:
    weights = selection_weights(scores)

    class Listing(Random):
        """Keeps the list that gepa draws from."""

        def choice(self, seq):
            self.drawn_from = list(seq)
            return seq[0]

    rng = Listing()
    if weights:
        oracle.select_program_candidate_from_pareto_front(
            {t: set(f) for t, f in pareto_fronts(scores).items()}, ranked_means(scores), rng
        )
        assert {i: rng.drawn_from.count(i) for i in sorted(set(rng.drawn_from))} == weights


@given(scores=SCORES, index=st.integers(0, 50))
def test_a_draw_repeats_and_takes_an_undominated_candidate(scores: list[dict[str, float]], index: int) -> None:
    parent = select_parent(selection_weights(scores), seed=1, index=index)

    assert parent == select_parent(selection_weights(scores), seed=1, index=index)
    assert parent in (selection_weights(scores) or {0: 1})


def test_draws_follow_the_odds() -> None:
    scores = [{"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}, {"a": 0.0, "b": 1.0, "c": 1.0, "d": 1.0}]
    draws = [select_parent(selection_weights(scores), seed=3, index=i) for i in range(400)]

    assert selection_weights(scores) == {0: 1, 1: 3}
    assert 0.68 < fmean(draws) < 0.82


def test_a_specialist_survives_and_an_all_round_copy_does_not() -> None:
    scores = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}]

    assert selection_weights(scores) == {2: 1, 3: 1}


def test_a_pool_without_any_score_gives_the_seed() -> None:
    assert select_parent(selection_weights([{}, {}]), seed=0, index=0) == 0
    assert best_candidate([{}, {}]) == 0


def test_the_best_of_equals_has_more_tasks_and_then_is_older() -> None:
    assert best_candidate([{"a": 1.0}, {"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0}]) == 1
