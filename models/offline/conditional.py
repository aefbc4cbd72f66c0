"""Programs of two branches, put together from expressions that are right on a part of the examples."""

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Final

from models.offline.bank import Bank, partly
from models.offline.catalog import Component, conditional_component
from models.offline.expression import Node
from models.offline.values import MISSING, Values, same

MIN_EXAMPLES: Final = 4
MIN_BRANCH: Final = 2
"""Examples that only one branch explains: fewer would be explained by anything."""
MAX_BRANCHES: Final = 40
MAX_TESTS: Final = 400
MAX_FOUND: Final = 10


def two_branches(bank: Bank, outputs: Values) -> list[Node]:
    """Return expressions `A if P else B` over a bank that give the outputs, cheapest first."""
    if len(outputs) < MIN_EXAMPLES:
        return []
    branches = _branches(bank, outputs)
    tests = _tests(bank, len(outputs))
    full = (1 << len(outputs)) - 1
    component = conditional_component()
    found = []
    for (yes_mask, yes), (no_mask, no) in product(branches, repeat=2):
        if yes_mask | no_mask == full and _enough(yes_mask & ~no_mask) and _enough(no_mask & ~yes_mask):
            fitting = (test for mask, test in tests if mask & ~yes_mask == 0 and ~mask & full & ~no_mask == 0)
            found += [(yes, test, no) for test in islice(fitting, 1)]
    found.sort(key=lambda parts: sum(part.cost for part in parts))
    return list(_built(component, found[:MAX_FOUND], len(outputs)))


def _enough(mask: int) -> bool:
    return mask.bit_count() >= MIN_BRANCH


def _built(component: Component, found: Sequence[tuple[Node, Node, Node]], visible: int) -> Iterator[Node]:
    for args in found:
        node = partly(component, args, visible)
        if node is not None:
            node.cost = component.cost + sum(arg.cost for arg in args)
            yield node


def _branches(bank: Bank, outputs: Values) -> list[tuple[int, Node]]:
    """Return the cheapest expression for each set of examples that some expression gets right."""
    cheapest: dict[int, Node] = {}
    for node in bank.cheapest("X"):
        mask = _mask(node, outputs)
        if mask.bit_count() >= MIN_BRANCH and mask not in cheapest:
            cheapest[mask] = node
    return list(islice(cheapest.items(), MAX_BRANCHES))


def _mask(node: Node, outputs: Values) -> int:
    return sum(1 << n for n, (v, o) in enumerate(zip(node.values, outputs, strict=False)) if same(v, o))


def _tests(bank: Bank, visible: int) -> list[tuple[int, Node]]:
    tests: dict[int, Node] = {}
    for node in islice(bank.cheapest("B"), MAX_TESTS):
        mask = sum(1 << n for n, v in enumerate(node.values[:visible]) if v is True)
        if not any(value is MISSING for value in node.values[:visible]):
            tests.setdefault(mask, node)
    return list(tests.items())
