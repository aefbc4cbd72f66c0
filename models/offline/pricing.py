"""What components cost in one task: less when the task's words speak of them, more or less as skills say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from models.offline.catalog import Component, components
from models.offline.forms import FORMS, Form
from models.offline.memories import Library
from models.offline.problem import Problem
from models.offline.values import Value
from models.offline.words import stem

STAGES: Final = (
    ((16, 0.15), (40, 0.3), (90, 0.35), (400, 0.2)),
    ((24, 0.6), (60, 0.4)),
    ((120, 0.5), (400, 0.5)),
)
"""Number of components of a stage, and its share of the budget: of a first attempt, a second, and all later ones.

Equal searches find equal things: a repair looks deeper with fewer components, then wider.
"""
MEMORY_COMPONENTS: Final = 16
"""Built-in components that join the memories in their stage."""
MEMORIES: Final = "memories"
"""Name of the stage of all memories."""
NAMED: Final = 2
"""Price up to which a memory counts as named by the task."""
SLOW: Final = frozenset({"permutations", "subsequences", "substrings", "triples", "all_pairs", "divisors"})
"""Components whose time grows fastest with their input: dear when an attempt took too long."""
SLOW_PENALTY: Final = 3


@dataclass(frozen=True)
class Stage:
    """One stage of a search."""

    name: str
    components: Sequence[Component]
    share: float
    """Of the whole budget."""
    early: bool = False
    """Its finds wait for those of the next stage: so few components explain little."""


@dataclass(frozen=True)
class Prices:
    """Components and forms as one task sees them."""

    ordered: Sequence[Component]
    """Cheapest and most relevant first."""
    forms: Sequence[tuple[Form, int]]


def prices(problem: Problem, words: frozenset[str], changes: Mapping[str, int], *, slow: bool) -> Prices:
    """Price the built-in components and forms.

    changes: what skills add to a component's cost, by name. slow: an earlier attempt took too long.
    """
    if slow:
        changes = {**changes, **dict.fromkeys(SLOW, SLOW_PENALTY)}
    parts = [_changed(part, changes) for part in applicable(components(), problem)]
    forms = [
        (form, max(1, form.cost - bool(explained(form.words, words)) + changes.get(form.name, 0))) for form in FORMS
    ]
    return Prices(by_relevance(parts, words, changes), forms)


@cache
def component_names() -> frozenset[str]:
    """Return the names of all built-in components and forms: what skill lines may speak of."""
    return frozenset([*(part.name for part in components()), *(form.name for form in FORMS)])


def _changed(part: Component, changes: Mapping[str, int]) -> Component:
    change = changes.get(part.name, 0)
    return replace(part, cost=max(1, part.cost + change)) if change else part


def stages(shelf: Library, prices: Prices, changes: Mapping[str, int], attempt: int) -> Iterator[Stage]:
    """Yield the stages of a search, from what the task names to everything there is. attempt: from 0."""
    known = [_changed(part, changes) for part in (*shelf.whole, *shelf.parts)]
    named = [part for part in known if part.cost <= NAMED]
    if named:
        what = "memories" if shelf.whole else "meanings"
        yield Stage(f"{what} that the task names", named, 0.1)
    if known:
        yield Stage(MEMORIES, [*known, *prices.ordered[:MEMORY_COMPONENTS]], 0.2)
    for index, (count, share) in enumerate(STAGES[min(attempt, len(STAGES) - 1)]):
        chosen = [*known, *prices.ordered[:count]]
        yield Stage(f"{count} components", chosen, share * (0.7 if known else 1.0), early=index == 0)


def by_relevance(parts: Sequence[Component], words: frozenset[str], changes: Mapping[str, int]) -> list[Component]:
    """Order components by cost, those that the task's words or its skills speak of first and cheaper."""
    priced = []
    for index, part in enumerate(parts):
        hits = len(explained(part.words, words)) - changes.get(part.name, 0)
        cheaper = hits > 0 and part.cost > 1
        order = part.cost - 2 * min(hits, 2)
        priced.append((order, index, replace(part, cost=part.cost - 1) if cheaper else part))
    priced.sort(key=lambda row: row[:2])
    return [part for _, _, part in priced]


def applicable(parts: Sequence[Component], problem: Problem) -> list[Component]:
    """Return the components to which a problem's values give anything to work on."""
    held = _held([problem.inputs, problem.outputs])
    needs = {"S": str, "LS": str, "CS": str, "D": dict, "LD": dict, "DN": dict, "DL": dict, "F": float, "Z": set}
    return [part for part in parts if all(needs[tag] in held for tag in part.patterns if tag in needs)]


def _held(value: Value) -> set[type]:
    """Return the types of a value and of everything in it."""
    kinds = {type(value)}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
    for part in parts:
        kinds |= _held(part)
    return kinds


def explained(known: frozenset[str], words: frozenset[str]) -> set[str]:
    """Return the words of a task that a component's own words speak of."""
    return {stem(word) for word in known} & words
