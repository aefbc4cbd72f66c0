"""Programs that differ from a reference in one place: ablations leave a part out, mutants change one."""

import ast
import copy
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Final

from state.syntax import parsed

MAX_ABLATIONS: Final = 20
MAX_MUTANTS: Final = 60
_COMPARED_AS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COMPUTED_AS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mod, ast.Mod: ast.FloorDiv,
    ast.Div: ast.Mult,
}  # fmt: skip
_CALLED_AS: Final = {
    "max": "min", "min": "max", "sum": "max", "any": "all", "all": "any", "upper": "lower", "lower": "upper",
    "startswith": "endswith", "endswith": "startswith",
}  # fmt: skip
_CONVERSIONS: Final = frozenset({"list", "tuple", "int", "str", "float", "bool", "iter", "set", "dict", "abs"})
"""Calls that may change nothing and still be good style."""
_STEPS: Final = (1, -1, 0)
"""Of an integer constant; 0: halved."""
Change = Callable[[ast.AST], ast.AST | None]


def ablations_of(source: str, entry_point: str) -> list[str]:
    """Return the program with one part of the entry point left out.

    A part is the condition of a comprehension, its body, a call with one argument, a method call without any, a slice.
    """
    changes = (_without_condition, _without_body, _without_call, _without_slice)
    return list(islice(_changed(source, entry_point, changes), MAX_ABLATIONS))


def mutants_of(source: str, entry_point: str) -> list[str]:
    """Return the program with one constant, comparison, operator or function of the entry point changed."""
    steps: list[Change] = [partial(_other_constant, step=step) for step in _STEPS]
    changes: tuple[Change, ...] = (*steps, _other_comparison, _other_operator, _other_call)
    return list(islice(_changed(source, entry_point, changes), MAX_MUTANTS))


def _changed(source: str, entry_point: str, changes: tuple[Change, ...]) -> Iterator[str]:
    """Yield the distinct programs that one change at one place gives, in the order of the places."""
    tree = parsed(source)
    if tree is None:
        return
    seen = {ast.unparse(tree)}
    for place in range(len(_places(tree, entry_point))):
        for change in changes:
            other = copy.deepcopy(tree)
            node = _places(other, entry_point)[place]
            changed = change(node)
            if changed is None:
                continue
            text = ast.unparse(_Replace(node, changed).visit(other))
            if text not in seen:
                seen.add(text)
                yield text


def _places(tree: ast.Module, entry_point: str) -> list[ast.AST]:
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == entry_point]
    return [node for statement in functions[-1].body for node in ast.walk(statement)] if functions else []


class _Replace(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old = old
        self.new = new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.old:
            return self.new
        self.generic_visit(node)
        return node


def _without_condition(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.comprehension) and node.ifs:
        node.ifs = node.ifs[1:]
        return node
    return None


def _without_body(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        target = node.generators[-1].target
        if isinstance(target, ast.Name) and not isinstance(node.elt, ast.Name):
            node.elt = ast.Name(target.id, ast.Load())
            return node
    return None


def _without_call(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.Call) or node.keywords:
        return None
    if isinstance(node.func, ast.Attribute) and not node.args:
        return node.func.value
    if isinstance(node.func, ast.Name) and node.func.id not in _CONVERSIONS and len(node.args) == 1:
        return node.args[0]
    return None


def _without_slice(node: ast.AST) -> ast.AST | None:
    return node.value if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) else None


def _other_constant(node: ast.AST, step: int) -> ast.AST | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return ast.Constant(node.value + step if step else node.value // 2)
    return None


def _other_comparison(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED_AS:
        node.ops[0] = _COMPARED_AS[type(node.ops[0])]()
        return node
    return None


def _other_operator(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED_AS:
        node.op = _COMPUTED_AS[type(node.op)]()
        return node
    return None


def _other_call(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Name) and node.id in _CALLED_AS:
        return ast.Name(_CALLED_AS[node.id], node.ctx)
    if isinstance(node, ast.Attribute) and node.attr in _CALLED_AS:
        node.attr = _CALLED_AS[node.attr]
        return node
    return None
