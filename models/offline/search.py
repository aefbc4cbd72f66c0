"""One search: a bank over the arguments, banks over the elements of sequences, forms between them, deduced goals."""

import ast
from collections.abc import Sequence
from functools import cache
from typing import Final

from models.offline.bank import Bank, Budget, Goal, OutOfBudgetError
from models.offline.catalog import Component, compile_template
from models.offline.deduce import Deduced, deduce
from models.offline.expression import Node, leaf
from models.offline.forms import FORMS, Form, Pool
from models.offline.problem import Problem
from models.offline.values import Value

MAX_COST: Final = 24
# Cost up to which sequences are looked for before any goal is deduced for their elements.
SCOUTING_COST: Final = 3
MAX_SEQUENCES: Final = 8
MAX_POOL: Final = 400
_FORM_BY_NAME: Final = {form.name: form for form in FORMS}
_VARIABLES: Final = ("x", "y", "z", "item", "each", "one")


class Elements:
    """The expressions over one element of a sequence, and the goals that deduction sets for them."""

    def __init__(self, sequence: Node, search: "Search") -> None:
        self.sequence = sequence
        self.pool = Pool.of(sequence.values, search.problem.visible)
        taken = set(search.problem.params)
        self.variable = next(name for name in _VARIABLES if name not in taken)
        self.bank = Bank((), visible=self.pool.visible, goals=(), budget=search.budget)
        self.has_goals = False
        if not 0 < self.pool.visible <= len(self.pool.elements) <= MAX_POOL:
            return
        goals = [
            self._goal(d, search) for d in deduce(self.pool.sequences[: search.problem.visible], search.problem.outputs)
        ]
        self.has_goals = bool(goals)
        variable = leaf(self.variable, self.pool.elements, 1)
        around = [self._spread(node) for node in search.surroundings(sequence)]
        constants = search.problem.constant_leaves(len(self.pool.elements))
        self.bank = Bank(
            [variable, *self._parts(), *around, *constants],
            visible=self.pool.visible,
            goals=goals,
            budget=search.budget,
            prune_constants=True,
        )

    def _parts(self) -> list[Node]:
        """Return the fields of records and the places of tuples as expressions of their own."""
        elements = self.pool.elements
        keys: list[Value] = []
        if all(type(e) is dict for e in elements):
            keys = [key for key in elements[0] if all(key in e for e in elements)]
        elif all(type(e) is tuple and len(e) == len(elements[0]) for e in elements):
            keys = list(range(len(elements[0])))
        return [leaf(f"{self.variable}[{key!r}]", [e[key] for e in elements], 1) for key in keys[:6]]

    def _spread(self, node: Node) -> Node:
        spread = Node(self.pool.spread(node.values), cost=node.cost + 1, component=node.component, args=node.args)
        spread.leaf = node.leaf
        return spread

    def _goal(self, deduced: Deduced, search: "Search") -> Goal:
        form = _FORM_BY_NAME[deduced.form]

        def finish(body: Node) -> Node | None:
            whole = self.applied(form, body, search.problem.visible)
            if whole is None:
                return None
            wrapped = whole if deduced.wrap in ("a", "dict") else apply_template(deduced.wrap, whole)
            return wrapped if search.fits_goal(wrapped) else None

        return Goal.of(deduced.values, finish)

    def applied(self, form: Form, body: Node, visible: int) -> Node | None:
        """Return the form over the sequence with this body; None when it fails on a visible example."""
        values = self.pool.gather(form, body.values, visible)
        if values is None:
            return None
        cost = self.sequence.cost + body.cost + form.cost
        return Node(values, cost=cost, component=_component(form, self.variable), args=(self.sequence, body))


@cache
def _component(form: Form, variable: str) -> Component:
    return form.component(variable)


@cache
def _wrapper(template: str) -> Component:
    return Component(
        name="wrap",
        patterns=("X",),
        cost=1,
        function=compile_template(template, 1, {}),
        template=ast.parse(template, mode="eval").body,
    )


def apply_template(template: str, node: Node) -> Node:
    """Wrap an expression: the template's `a` is the expression."""
    component = _wrapper(template)
    try:
        values = component.function(node)
    except (TypeError, ValueError, ArithmeticError):
        values = node.values
    return Node(values, cost=node.cost + 1, component=component, args=(node,))


class Search:
    """The search over one set of components."""

    def __init__(
        self, problem: Problem, components: Sequence[Component], forms: Sequence[tuple[Form, int]], budget: Budget
    ) -> None:
        self.problem = problem
        self.components = components
        self.forms = forms
        self.budget = budget
        self.goal = Goal.of(list(problem.outputs))
        leaves = [*problem.argument_leaves(), *problem.constant_leaves(len(problem.inputs))]
        self.bank = Bank(leaves, visible=problem.visible, goals=[self.goal], budget=budget)
        self.elements: dict[int, Elements] = {}

    @property
    def fits(self) -> list[Node]:
        """Everything found that gives the expected outputs."""
        found = list(self.bank.fits)
        for elements in self.elements.values():
            found += elements.bank.fits
        return found

    def fits_goal(self, node: Node) -> bool:
        """Tell whether an expression gives the expected outputs."""
        return self.goal.met_by(node.values)

    def surroundings(self, sequence: Node) -> list[Node]:
        """Return the outer expressions that a lambda body may use: arguments and cheap numbers and texts."""
        near = [node for tag in ("X",) for cost in (1, 2) for node in self.bank.nodes(tag, cost)]
        chosen = [n for n in near if (n.component or (n.leaf is not None and n.cost == 1)) and not _constant(n)]
        return chosen[:6]

    def deepen(self, shares: Sequence[float]) -> None:
        """Search until the budget is used up: deduced goals first, then everything by cost.

        shares: of what is left, for the goals of the first, second, ... sequence that has any.
        Raises OutOfBudgetError at the end of the budget.
        """
        for cost in range(2, SCOUTING_COST + 1):
            self.bank.grow(self.components, cost)
        promising = [e for e in map(self._elements_of, self._sequences(SCOUTING_COST + 1)) if e.has_goals]
        total = self.budget.left
        for elements, share in zip(promising, shares, strict=False):
            with self.budget.limited(int(total * share)):
                self._grow_elements(elements, MAX_COST)
        for cost in range(2, MAX_COST):
            if cost > SCOUTING_COST:
                self.bank.grow(self.components, cost)
            self._apply_forms(cost)

    def _grow_elements(self, elements: Elements, cost: int) -> None:
        while elements.bank.level < cost and elements.bank.by_tag:
            elements.bank.grow(self.components, max(elements.bank.level, 1) + 1)

    def _sequences(self, cost: int) -> list[Node]:
        """Return the cheapest sequences so far: lambda bodies are tried over their elements."""
        found = [node for c in range(1, min(cost, 6)) for node in self.bank.nodes("Q", c) if not _constant(node)]
        return found[:MAX_SEQUENCES]

    def _elements_of(self, sequence: Node) -> Elements:
        known = self.elements.get(id(sequence))
        if known is None:
            known = self.elements[id(sequence)] = Elements(sequence, self)
        return known

    def _apply_forms(self, cost: int) -> None:
        for sequence in self._sequences(cost):
            rest = cost - sequence.cost
            if rest < 2:
                continue
            elements = self._elements_of(sequence)
            self._grow_elements(elements, rest - 1)
            for form, form_cost in self.forms:
                self._apply_form(form, elements, rest - form_cost, cost)

    def _apply_form(self, form: Form, elements: Elements, body_cost: int, cost: int) -> None:
        if body_cost < 1 or elements.sequence not in self.bank.nodes(form.sequence, elements.sequence.cost):
            return
        for body in elements.bank.nodes(form.body, body_cost):
            if self.budget.left <= 0:
                raise OutOfBudgetError
            self.budget.spent += 1
            node = elements.applied(form, body, self.problem.visible)
            if node is not None:
                node.cost = cost
                self.bank.offer(node)


def _constant(node: Node) -> bool:
    return isinstance(node.leaf, ast.Constant) or not any(isinstance(n.leaf, ast.Name) for n in node.walk())
