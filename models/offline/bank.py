"""Bottom-up enumeration of expressions by cost, with observational equivalence.

Two expressions with equal values in every situation (visible examples and probes) are one: the cheaper stays.
Sources: Udupa et al., TRANSIT, PLDI 2013; Albarghouthi et al., Escher, CAV 2013.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations_with_replacement, islice, product
from marshal import dumps
from math import prod

from models.offline.catalog import Component
from models.offline.expression import Node
from models.offline.solving import Solver, applied, solutions, solvers_for
from models.offline.values import (
    FLAT_KINDS,
    MAX_VECTOR_BYTES,
    MISSING,
    Value,
    Values,
    holds_floats,
    in_order,
    kind_of,
    same,
)

MAX_FITS = 60
_GIVEN_TAGS = {"int": ("CI",), "str": ("CS",)}


class OutOfBudgetError(Exception):
    """The candidates of this search, or of this stage, are used up."""


@dataclass
class Budget:
    """Candidates that may still be tried. Limits nest: a stage's limit lies below the whole search's."""

    total: int
    spent: int = 0
    limits: list[int] = field(default_factory=list)
    stopped: bool = False
    """The time is up: recorded, because the answer then depends on the machine."""
    _tightest: int = sys.maxsize
    """The lowest of the limits: asked for at every expression."""

    def stop(self) -> None:
        """End the search as soon as possible."""
        self.stopped = True
        self.total = 0

    @property
    def left(self) -> int:
        """Number of candidates until the tightest limit."""
        total, tightest = self.total, self._tightest
        return (total if total < tightest else tightest) - self.spent

    @contextmanager
    def limited(self, candidates: int) -> Iterator[None]:
        """Run a block that may try so many candidates and ends quietly when they are used up."""
        limit = self.spent + candidates
        self.limits.append(limit)
        self._tightest = min(self.limits)
        try:
            yield
        except OutOfBudgetError:
            pass
        finally:
            self.limits.remove(limit)
            self._tightest = min(self.limits, default=sys.maxsize)


@dataclass(frozen=True, eq=False)
class Goal:
    """What an expression's values on the visible situations must be, and what a fitting node is turned into."""

    values: list[Value]
    finish: Callable[[Node], Node | None]
    floats: bool = False
    solvers: Mapping[str, tuple[Solver, ...]] = field(default_factory=dict)
    """By the kind of expression from which they may lead here."""

    @classmethod
    def of(cls, values: list[Value], finish: Callable[[Node], Node | None] = lambda node: node) -> "Goal":
        """Make a goal; comparison tolerates rounding where a float is expected."""
        return cls(values, finish, holds_floats(values), solvers_for(values))

    def met_by(self, values: list[Value]) -> bool:
        """Tell whether a vector (visible part and more) meets the goal."""
        expected = self.values
        if not self.floats and values[0] != expected[0]:
            return False
        return all(map(same, values, expected))


class Bank:
    """Expressions by tag and cost, grown level by level."""

    def __init__(
        self,
        leaves: Iterable[Node],
        *,
        visible: int,
        goals: Sequence[Goal],
        budget: Budget,
        prune_constants: bool = False,
    ) -> None:
        self.visible = visible
        self.goals = goals
        self.budget = budget
        self.fits: list[Node] = []
        self.by_tag: dict[str, dict[int, list[Node]]] = defaultdict(lambda: defaultdict(list))
        self.level = 0
        self.fresh: list[Node] = []
        self.prune_constants = prune_constants
        self._seen: set[bytes] = set()
        for node in leaves:
            self.offer(node, given=True)

    def nodes(self, tag: str, cost: int) -> list[Node]:
        """Return the expressions with a tag at exactly this cost, in the order in which they were found."""
        return self.by_tag[tag].get(cost, [])

    def cheapest(self, tag: str) -> Iterator[Node]:
        """Yield the expressions with a tag by rising cost."""
        for cost in sorted(self.by_tag[tag]):
            yield from self.by_tag[tag][cost]

    def offer(self, node: Node, *, given: bool = False) -> bool:
        """Add an expression unless an equal one is there; tell whether it was added."""
        try:
            key = dumps(node.values, 2)
        except ValueError:
            key = b""
        return self._add(node, key, given=given)

    def _add(self, node: Node, key: bytes, *, given: bool = False) -> bool:
        values, seen = node.values, self._seen
        kind, tags = kind_of(values)
        if not key or kind not in FLAT_KINDS:
            key = self._canonical(key, kind, values)
        if not key or key in seen or len(key) > MAX_VECTOR_BYTES:
            return False
        seen.add(key)
        node.kind = kind
        if given:
            self._file(node, (*tags, *_GIVEN_TAGS.get(kind, ())))
        elif not (self.prune_constants and _is_constant(values[: self.visible])):
            self._file(node, tags)
        for goal in self.goals:
            if goal.floats or values[0] == goal.values[0]:
                self._check(node)
                break
        return True

    def _canonical(self, key: bytes, kind: str, values: Values) -> bytes:
        """Return a key that equal values share, where that of their bytes may not be one."""
        if key and "set" not in kind and "dict" not in kind:
            return key
        self._seen.add(key)  # the same bytes again are the same values: no need to put them in order
        return _ordered_key(values, flat=kind in FLAT_KINDS)

    def _file(self, node: Node, tags: Sequence[str]) -> None:
        """Put an expression where components and solvers look for arguments."""
        if self.goals:
            self.fresh.append(node)
        by_tag, cost = self.by_tag, node.cost
        for tag in tags:
            by_tag[tag][cost].append(node)

    def _check(self, node: Node) -> None:
        for goal in self.goals:
            if len(self.fits) < MAX_FITS and goal.met_by(node.values):
                finished = goal.finish(node)
                if finished is not None:
                    finished.found_after = self.budget.spent
                    self.fits.append(finished)

    def solve_constants(self) -> None:
        """For each expression found since the last time, solve for constants that take it to a goal."""
        fresh, self.fresh = self.fresh, []
        for node in fresh:
            kind = node.kind.partition("[")[0]
            for goal in self.goals:
                solvers = goal.solvers.get(kind)
                if solvers:
                    self._solve_one(node, goal, solvers)

    def _solve_one(self, node: Node, goal: Goal, solvers: Sequence[Solver]) -> None:
        if self.budget.left <= 0:
            raise OutOfBudgetError
        self.budget.spent += 1
        for solved in solutions(solvers, node.values[: self.visible], goal.values):
            whole = applied(solved, node)
            if whole is not None:
                self._check(whole)

    def grow(self, components: Sequence[Component], cost: int) -> None:
        """Add every expression of exactly this cost. Raises OutOfBudgetError when the candidates are used up."""
        for component in components:
            rest = cost - component.cost
            if rest >= len(component.patterns):
                for lists in self._splits(component, rest):
                    self._try_all(component, lists, cost)
        if self.goals:
            self.solve_constants()
        self.level = max(self.level, cost)

    def _splits(self, component: Component, rest: int) -> Iterator[list[list[Node]]]:
        """Yield argument lists, one per way to share the rest of the cost among the arguments."""
        for costs in _compositions(rest, len(component.patterns)):
            if component.symmetric and costs[0] > costs[1]:
                continue
            lists = []
            for tag, cost in zip(component.patterns, costs, strict=True):
                found = self.by_tag[tag].get(cost)
                if not found:
                    break
                lists.append(found)
            else:
                yield lists

    def _try_all(self, component: Component, lists: list[list[Node]], cost: int) -> None:
        twins = component.symmetric and lists[0] is lists[1]
        count = len(lists[0]) * (len(lists[0]) + 1) // 2 if twins else prod(map(len, lists))
        allowed = min(count, self.budget.left)
        tuples: Iterable[tuple[Node, ...]] = combinations_with_replacement(lists[0], 2) if twins else product(*lists)
        self.budget.spent += max(allowed, 0)
        function, seen = component.function, self._seen
        for args in islice(tuples, max(allowed, 0)):
            try:
                values = function(*args)
                key = dumps(values, 2)
            except Exception:  # noqa: BLE001 a component raises whatever its values make it raise
                self._try_partly(component, args, cost)
                continue
            if key not in seen:
                self._add(Node(values, cost, component, args), key)
        if allowed < count:
            raise OutOfBudgetError

    def _try_partly(self, component: Component, args: tuple[Node, ...], cost: int) -> None:
        """Keep an expression that works on every visible situation but fails on a probe."""
        node = partly(component, args, self.visible)
        if node is not None:
            node.cost = cost
            self._add(node, b"")


def _ordered_key(values: Values, *, flat: bool) -> bytes:
    """Return a key that does not depend on the order of sets and dicts; empty when the values cannot be written.

    flat: there are no sets and dicts in the values.
    """
    present = [None if value is MISSING else value for value in values]
    try:
        return dumps(present if flat else in_order(present), 2)
    except (ValueError, TypeError):
        return b""


def _is_constant(values: Values) -> bool:
    return values.count(values[0]) == len(values)


class _View:
    """One situation of a node, in the shape that component functions take."""

    __slots__ = ("values",)

    def __init__(self, value: Value) -> None:
        self.values = [value]


def partly(component: Component, args: tuple[Node, ...], visible: int) -> Node | None:
    """Evaluate situation by situation; None when a visible one fails, MISSING where a probe does."""
    values: list[Value] = []
    for index in range(len(args[0].values)):
        value = _situation(component, [arg.values[index] for arg in args])
        if value is MISSING and index < visible:
            return None
        values.append(value)
    return Node(values, cost=0, component=component, args=args)


def _situation(component: Component, arguments: Values) -> Value:
    if any(argument is MISSING for argument in arguments):
        return MISSING
    try:
        return component.function(*map(_View, arguments))[0]
    except Exception:  # noqa: BLE001 a component raises whatever its values make it raise
        return MISSING


@cache
def _compositions(total: int, parts: int) -> tuple[tuple[int, ...], ...]:
    """Return all ways to write a number as an ordered sum of positive parts."""
    if parts == 1:
        return ((total,),)
    return tuple(
        (first, *rest) for first in range(1, total - parts + 2) for rest in _compositions(total - first, parts - 1)
    )
