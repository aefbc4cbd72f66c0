"""Variants of retrieved functions: one step away in their syntax tree, tried on the examples as they are."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, permutations
from typing import Final

from models.offline.bank import Budget, partly
from models.offline.catalog import Component
from models.offline.expression import Node
from models.offline.fuel import Fuel, RefusedCodeError, checked, load
from models.offline.memories import metered
from models.offline.problem import Problem
from models.offline.values import Values, same

MAX_FUNCTIONS: Final = 5
MAX_VARIANTS: Final = 40
"""Of one function: each is compiled anew, which takes as long as some hundred candidates."""
MAX_CONSTANTS: Final = 4

_COMPARISONS: Final[dict[type, tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.Gt, ast.LtE),
    ast.Gt: (ast.Lt, ast.GtE),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: Final[dict[type, tuple[type[ast.operator], ...]]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.FloorDiv),
    ast.Div: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Div, ast.Mod),
    ast.Mod: (ast.FloorDiv,),
    ast.BitAnd: (ast.BitOr, ast.BitXor),
    ast.BitOr: (ast.BitAnd, ast.BitXor),
}
_NAMES: Final = {
    "max": ("min",), "min": ("max",), "sum": ("max", "len"), "len": ("sum",), "any": ("all",), "all": ("any",),
    "upper": ("lower",), "lower": ("upper",), "startswith": ("endswith",), "endswith": ("startswith",),
    "isupper": ("islower",), "islower": ("isupper",), "isdigit": ("isalpha",), "isalpha": ("isdigit",),
}  # fmt: skip


def fitting_variants(functions: Sequence[Component], problem: Problem, purse: Budget) -> list[Node]:
    """Return the variants of functions that give the expected outputs; every variant tried is one candidate."""
    fits: list[Node] = []
    for function in sorted(functions, key=lambda f: f.cost)[:MAX_FUNCTIONS]:
        if len(function.patterns) > len(problem.params):
            continue
        for source in islice(variants(function, [value for value, _ in problem.constants]), MAX_VARIANTS):
            if purse.left <= 0:
                return fits
            purse.spent += 1
            fits += _tried(function, source, problem)
    return fits


def _tried(function: Component, source: str, problem: Problem) -> Iterator[Node]:
    fuel = Fuel()
    try:
        callable_ = load(checked(source), fuel)[function.name]
    except RefusedCodeError:
        return
    component = replace(function, source=source, function=metered(callable_, fuel))
    for args in permutations(problem.argument_leaves(), len(function.patterns)):
        node = partly(component, args, problem.visible)
        if node is not None and all(map(same, node.values, problem.outputs)):
            node.cost = function.cost + len(args) + 2
            yield node


def variants(function: Component, constants: Values) -> Iterator[str]:
    """Yield the sources of a carried function with one step changed: a constant, an operator, a comparison, a name."""
    tree = ast.parse(function.source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            others = [c for c in constants if type(c) is type(node.value) and c != node.value]
            yield from _with(tree, node, "value", others[:MAX_CONSTANTS])
        elif isinstance(node, ast.Compare):
            yield from _with(tree, node, "ops", [[kind()] for kind in _COMPARISONS.get(type(node.ops[0]), ())])
        elif isinstance(node, ast.BinOp):
            yield from _with(tree, node, "op", [kind() for kind in _OPERATORS.get(type(node.op), ())])
        elif isinstance(node, ast.Name):
            yield from _with(tree, node, "id", _NAMES.get(node.id, ()))
        elif isinstance(node, ast.Attribute):
            yield from _with(tree, node, "attr", _NAMES.get(node.attr, ()))


def _with(tree: ast.Module, node: ast.AST, field: str, values: Values) -> Iterator[str]:
    before = getattr(node, field)
    for value in values:
        setattr(node, field, value)
        yield ast.unparse(tree)
        setattr(node, field, before)
