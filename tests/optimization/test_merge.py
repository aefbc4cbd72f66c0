from random import Random

from gepa.proposer import merge as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from optimization.merge import ancestors_of, changed_components, mergeable, merged, propose_merge
from optimization.pareto import mean_scores, selection_weights

SEED = {"system": "s", "skills": "k", "repair": "r"}
POOL = [SEED, SEED | {"system": "s1"}, SEED | {"skills": "k2"}]
PARENTS = [[], [0], [0]]
SCORES = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}]


@st.composite
def pools(draw):
    """Random family trees in which each child changes some components of its parent."""
    size = draw(st.integers(2, 7))
    components, parents = [SEED], [[]]
    for i in range(1, size):
        parent = draw(st.integers(0, i - 1))
        changed = draw(st.sets(st.sampled_from(sorted(SEED)), min_size=1))
        components.append(components[parent] | {name: f"{name}{draw(st.integers(0, 2))}" for name in changed})
        parents.append([parent])
    score = st.sampled_from([0.0, 1.0])
    scores = [{t: draw(score) for t in "abcd"} for _ in range(size)]
    return components, parents, scores


def test_two_descendants_give_a_child_with_both_changes() -> None:
    merge = propose_merge(POOL, PARENTS, SCORES, tried=[], seed=0, index=0)

    assert merge is not None
    assert (merge.parents, merge.ancestor) == ((1, 2), 0)
    assert merge.components == {"system": "s1", "skills": "k2", "repair": "r"}
    assert (merge.taken["system"], merge.taken["skills"]) == (1, 2)


def test_a_tried_merge_or_one_whose_child_exists_is_not_proposed_again() -> None:
    assert propose_merge(POOL, PARENTS, SCORES, tried=[[1, 2, 0]], seed=0, index=0) is None
    child = SEED | {"system": "s1", "skills": "k2"}
    assert propose_merge([*POOL, child], [*PARENTS, [1]], [*SCORES, {}], tried=[], seed=0, index=0) is None


def test_a_seed_that_solves_nothing_can_be_the_common_ancestor() -> None:
    assert mean_scores(SCORES)[0] == 0.0
    assert mergeable(POOL, PARENTS, SCORES) == [(1, 2, 0)]


def test_a_candidate_is_not_merged_with_its_own_ancestor() -> None:
    scores = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}]

    assert mergeable(POOL, [[], [0], [1]], scores) == []


def test_where_both_changed_a_component_the_better_one_gives_it_and_a_keyed_coin_breaks_ties() -> None:
    pool = [SEED, SEED | {"system": "s1", "repair": "r1"}, SEED | {"system": "s2"}]
    better = [{"a": 0.0}, {"a": 0.2}, {"a": 0.7}]

    assert merged((1, 2, 0), pool, better, seed=0, index=0).taken == {"system": 2, "repair": 1, "skills": 1}
    coins = [merged((1, 2, 0), pool, SCORES, seed=0, index=i).components["system"] for i in range(20)]
    assert set(coins) == {"s1", "s2"}
    assert coins == [merged((1, 2, 0), pool, SCORES, seed=0, index=i).components["system"] for i in range(20)]


@given(pool=pools())
@settings(deadline=None)
def test_pairs_and_ancestors_are_those_gepa_allows(pool) -> None:
    components, parents, scores = pool
    means, kept = mean_scores(scores), list(selection_weights(scores))
    above = {i: ancestors_of(parents, i) for i in kept}
    theirs = sorted(
        (i, j, ancestor)
        for i in kept
        for j in kept
        if i < j and i not in above[j] and j not in above[i]
        for ancestor in oracle.filter_ancestors(i, j, above[i] & above[j], ([], []), means, components)
    )

    assert mergeable(components, parents, scores) == theirs


@given(pool=pools())
@settings(deadline=None)
def test_the_child_of_a_pair_is_that_of_gepa_where_no_coin_is_tossed(pool) -> None:
    components, parents, scores = pool
    means = mean_scores(scores)
    for triple in mergeable(components, parents, scores):
        i, j, ancestor = triple
        ours = merged(triple, components, scores, seed=0, index=0)
        family = [[], [0], [0]]
        three = [components[ancestor], components[i], components[j]]
        theirs = oracle.sample_and_attempt_merge_programs_by_common_predictors(
            [means[ancestor] + 1, means[i] + 1, means[j] + 1], Random(0), [1, 2], ([], []), three, family
        )
        assert theirs is not None
        tossed = [n for n in SEED if len({components[k][n] for k in triple}) == 3] if means[i] == means[j] else []
        assert changed_components(ours.components, theirs[0]) <= set(tossed)
