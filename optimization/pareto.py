"""Pareto fronts over tasks, and the draw of a parent from them: GEPA's selection, with draws that a resume repeats.

Source: Agrawal et al. 2025, "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning", algorithm 2.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from statistics import fmean
from typing import TypeAlias

Scores: TypeAlias = Sequence[Mapping[str, float]]
"""For each candidate its score by validation task; a task without a result is missing."""
Fronts: TypeAlias = dict[str, list[int]]
"""For each task the candidates that no other beats on it, by index."""


def mean_scores(scores: Scores) -> list[float]:
    """Return each candidate's mean over the tasks it has; 0.0 when it has none."""
    return [fmean(of_one.values()) if of_one else 0.0 for of_one in scores]


def best_candidate(scores: Scores) -> int:
    """Return the candidate of the highest mean score; of equals the one with more tasks, then the oldest.

    Raises ValueError for an empty pool.
    """
    means = mean_scores(scores)
    return max(range(len(scores)), key=lambda i: (means[i], len(scores[i]), -i))


def pareto_fronts(scores: Scores) -> Fronts:
    """Return the front of every task that some candidate has, tasks sorted by id."""
    fronts: Fronts = {}
    for task in sorted({task for of_one in scores for task in of_one}):
        held = {i: of_one[task] for i, of_one in enumerate(scores) if task in of_one}
        top = max(held.values())
        fronts[task] = [i for i, score in held.items() if score == top]
    return fronts


def without_dominated(fronts: Fronts, means: Sequence[float]) -> Fronts:
    """Return the fronts without candidates that are dispensable, weakest mean (then oldest) first.

    A candidate is dispensable when in each of its fronts another remaining one sits. One pass is enough: removals
    only make the others less dispensable.
    """
    kept = set().union(*fronts.values())
    seats = {i: [front for front in fronts.values() if i in front] for i in kept}
    for i in sorted(kept, key=lambda i: (means[i], i)):
        others = kept - {i}  # not all candidates: of two that only cover each other one has to stay
        if not any(others.isdisjoint(front) for front in seats[i]):
            kept = others
    return {task: [i for i in front if i in kept] for task, front in fronts.items()}


def selection_weights(scores: Scores) -> dict[int, int]:
    """Return on how many tasks each undominated candidate is on the front: the odds by which a parent is drawn."""
    fronts = without_dominated(pareto_fronts(scores), mean_scores(scores))
    return dict(sorted(Counter(i for front in fronts.values() for i in front).items()))


def select_parent(weights: Mapping[int, int], *, seed: int, index: int) -> int:
    """Draw a parent with a chance proportional to its weight; the seed candidate when none has any.

    The draw is a function of (seed, index): the same after a restart.
    """
    if not weights:
        return 0
    return Random(f"{seed}:parent:{index}").choices(list(weights), list(weights.values()))[0]
