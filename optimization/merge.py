"""Merge of two candidates that descend from one: which pairs, and what the child takes from whom."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import TypeAlias

from optimization.pareto import Scores, mean_scores, selection_weights

Triple: TypeAlias = tuple[int, int, int]
"""First parent, second parent (of the larger index), common ancestor."""


@dataclass(frozen=True, kw_only=True)
class Merge:
    """A child of two candidates."""

    parents: tuple[int, int]
    ancestor: int
    components: dict[str, str]
    taken: dict[str, int]
    """For each component the candidate that it was taken from."""


def ancestors_of(parents: Sequence[Sequence[int]], candidate: int) -> set[int]:
    """Return all candidates that this one descends from, itself excluded."""
    found: set[int] = set()
    waiting = list(parents[candidate])
    while waiting:
        ancestor = waiting.pop()
        if ancestor not in found:
            found.add(ancestor)
            waiting.extend(parents[ancestor])
    return found


def changed_components(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    """Return the names of the components in which two prompt sets differ."""
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def mergeable(
    components: Sequence[Mapping[str, str]], parents: Sequence[Sequence[int]], scores: Scores
) -> list[Triple]:
    """Return every pair worth merging with each common ancestor, sorted.

    Both are undominated, neither descends from the other, the ancestor scores no better than either, and some component
    was changed by one of them alone.
    """
    means, kept = mean_scores(scores), list(selection_weights(scores))
    above = {i: ancestors_of(parents, i) for i in kept}
    pairs = [(i, j) for i, j in combinations(kept, 2) if i not in above[j] and j not in above[i]]
    return [
        (i, j, ancestor)
        for i, j in pairs
        for ancestor in sorted(above[i] & above[j])
        if means[ancestor] <= min(means[i], means[j])
        and _complementary(components[ancestor], components[i], components[j])
    ]


def _complementary(ancestor: Mapping[str, str], one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return changed_components(ancestor, one) != changed_components(ancestor, other)


def merged(triple: Triple, components: Sequence[Mapping[str, str]], scores: Scores, *, seed: int, index: int) -> Merge:
    """Return the child: each component from the side that changed it.

    Where both did, from the better-scoring one; of equals a coin decides, drawn from (seed, index, component).
    """
    first, second, ancestor = triple
    means = mean_scores(scores)
    taken: dict[str, int] = {}
    for name, old in sorted(components[ancestor].items()):
        mine, theirs = components[first][name], components[second][name]
        if mine == theirs or theirs == old:
            taken[name] = first
        elif mine == old:
            taken[name] = second
        elif means[first] != means[second]:
            taken[name] = first if means[first] > means[second] else second
        else:
            taken[name] = Random(f"{seed}:merge-component:{index}:{name}").choice((first, second))
    child = {name: components[source][name] for name, source in taken.items()}
    return Merge(parents=(first, second), ancestor=ancestor, components=child, taken=taken)


def propose_merge(
    components: Sequence[Mapping[str, str]],
    parents: Sequence[Sequence[int]],
    scores: Scores,
    *,
    tried: Collection[Sequence[int]],
    seed: int,
    index: int,
) -> Merge | None:
    """Draw a merge that has not been tried and whose child is not in the pool; None when there is none.

    tried: (first parent, second parent, ancestor) of earlier merges. The pair is drawn evenly, the ancestor by its mean
    score, evenly when all are 0.
    """
    done = {tuple(triple) for triple in tried}
    pool = [dict(of_one) for of_one in components]
    fresh: dict[tuple[int, int], list[Merge]] = {}
    for triple in mergeable(components, parents, scores):
        child = merged(triple, components, scores, seed=seed, index=index)
        if triple not in done and child.components not in pool:
            fresh.setdefault(child.parents, []).append(child)
    if not fresh:
        return None
    draw = Random(f"{seed}:merge:{index}")
    options = fresh[draw.choice(sorted(fresh))]
    means = mean_scores(scores)
    weights = [max(0.0, means[option.ancestor]) for option in options]
    return draw.choices(options, weights if any(weights) else None)[0]
