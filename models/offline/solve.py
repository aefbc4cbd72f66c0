"""A request answered: staged search, ranking, and the program that is printed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from models.offline.bank import Budget
from models.offline.catalog import Component, components
from models.offline.constants import constants
from models.offline.examples import Example
from models.offline.expression import Node, program
from models.offline.forms import FORMS, Form
from models.offline.memories import Library, library
from models.offline.parse import Request
from models.offline.probes import probes
from models.offline.rank import ranked
from models.offline.search import Problem, Search
from models.offline.words import stem, words_in

DEDUCTION_SHARES: Final = (0.3, 0.1, 0.05)
STAGES: Final = ((16, 0.15), (40, 0.3), (90, 0.35), (400, 0.2))
"""Number of components of a stage, and its share of the budget."""
EARLY_STAGES: Final = frozenset({"16 components"})
"""Stages whose finds wait for those of the next: so few components explain little."""
NAMED: Final = 2
"""Price up to which a memory counts as named by the task."""


@dataclass
class Solution:
    """What a search came to."""

    code: str = ""
    """The program; "" when nothing fits."""
    how: str = ""
    candidates: int = 0
    stage: str = ""
    alternatives: int = 0
    """Number of different expressions that fit the examples."""
    memories_used: list[str] = field(default_factory=list)
    skills_used: list[str] = field(default_factory=list)
    skills_ignored: int = 0
    stopped: bool = False
    """The safety net of CPU time ended the search: on another machine the answer may differ."""


def solve(request: Request, purse: Budget) -> Solution:
    """Search for a program within a budget. Returns a Solution without code when the request is unclear or nothing fits."""
    problem = problem_of(request)
    if problem is None:
        return Solution(how="The task has no signature with examples that I can read.")
    budget = purse.total
    words = set(words_in(request.text))
    taken = {*problem.params, request.signature.name if request.signature else ""}
    shelf = library(request.memories, words, taken)
    ordered = by_relevance(applicable(components(), problem), words)
    forms = [(form, max(1, form.cost - bool(_explained(form.words, words)))) for form in FORMS]
    fits: list[Node] = []
    stage = ""
    for stage, chosen, share in stages(shelf, ordered):
        fits += _searched(problem, chosen, forms, purse, int(budget * share))
        if fits and stage not in EARLY_STAGES:
            break
    if not fits:
        how = f"Nothing that fits the examples after {purse.spent} candidates."
        return Solution(how=how, candidates=purse.spent, stage="none", stopped=purse.stopped)
    best = ranked(fits, problem, words)
    code = program(best[0], request.signature.header if request.signature else "")
    return Solution(
        code=code,
        how=f"Found by search with {stage} after {purse.spent} candidates.",
        candidates=purse.spent,
        stage=stage,
        alternatives=len(best),
        stopped=purse.stopped,
        memories_used=sorted({n.component.memory for n in best[0].walk() if n.component and n.component.memory}),
    )


def stages(shelf: Library, ordered: Sequence[Component]) -> Iterator[tuple[str, list[Component], float]]:
    """Yield the stages of a search: name, components, share of the budget."""
    known = [*shelf.whole, *shelf.parts]
    named = [part for part in known if part.cost <= NAMED]
    if named:
        yield "memories that the task names", named, 0.1
    if known:
        yield "memories", [*known, *ordered[: STAGES[0][0]]], 0.2
    for count, share in STAGES:
        yield f"{count} components", [*known, *ordered[:count]], share * (0.7 if known else 1.0)


def _searched(
    problem: Problem, chosen: Sequence[Component], forms: Sequence[tuple[Form, int]], purse: Budget, share: int
) -> list[Node]:
    with purse.limited(share):
        search = Search(problem, chosen, forms, purse)
        search.deepen(DEDUCTION_SHARES)
    return search.fits


def problem_of(request: Request) -> Problem | None:
    """Turn a request into a problem; None when it has no signature or no example that fits it."""
    signature = request.signature
    if signature is None:
        return None
    examples = [e for e in request.examples if len(e.args) == len(signature.params)]
    if not examples or not signature.params:
        return None
    inputs = [e.args for e in examples]
    return Problem(
        params=signature.params,
        inputs=(*inputs, *probes(inputs)),
        outputs=tuple(e.expected for e in examples),
        constants=tuple(constants(request.text, examples)),
    )


def by_relevance(parts: Sequence[Component], words: set[str]) -> list[Component]:
    """Order components by cost, those that the task's words speak of first and cheaper."""
    priced = []
    for index, part in enumerate(parts):
        hits = len(_explained(part.words, words))
        price = max(1, part.cost - (hits > 0))
        priced.append((part.cost - 2 * min(hits, 2), index, replace(part, cost=price)))
    priced.sort(key=lambda row: row[:2])
    return [part for _, _, part in priced]


def applicable(parts: Sequence[Component], problem: Problem) -> list[Component]:
    """Return the components to which a problem's values give anything to work on."""
    held = _held([problem.inputs, problem.outputs])
    needs = {"S": str, "LS": str, "CS": str, "D": dict, "LD": dict, "DN": dict, "DL": dict, "F": float, "Z": set}
    return [part for part in parts if all(needs[tag] in held for tag in part.patterns if tag in needs)]


def _held(value: Any) -> set[type]:
    """Return the types of a value and of everything in it; numbers and texts are turned into each other freely."""
    kinds = {type(value)}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
    for part in parts:
        kinds |= _held(part)
    return kinds


def _explained(known: frozenset[str], words: set[str]) -> set[str]:
    return {stem(word) for word in known} & words


def visible_examples(request: Request) -> list[Example]:
    """Return the examples whose number of arguments fits the signature."""
    params: Any = request.signature.params if request.signature else ()
    return [e for e in request.examples if len(e.args) == len(params)]
