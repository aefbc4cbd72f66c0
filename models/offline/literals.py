"""Values written in text: literals and arithmetic on them, folded without running anything."""

import ast
import operator
from collections.abc import Callable
from typing import Final

from models.offline.values import Value

_BINARY: Final[dict[type, Callable[[Value, Value], Value]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: Final[dict[type, Callable[[Value], Value]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_NAMES: Final[dict[str, Value]] = {"true": True, "false": False, "null": None, "inf": float("inf")}
MAX_SOURCE: Final = 20_000


class NotAValueError(ValueError):
    """The text is not a literal."""


def value_of(source: str) -> Value:
    """Return the value that source text denotes. Raises NotAValueError when it is no literal or an unreasonable one."""
    if len(source) > MAX_SOURCE:
        raise NotAValueError("too long")
    try:
        return fold(ast.parse(source.strip(), mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise NotAValueError(source[:80]) from error


def fold(node: ast.expr) -> Value:
    """Return the value of a syntax tree made of literals and arithmetic. Raises NotAValueError for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [fold(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(fold(item) for item in node.elts)
    try:
        return _compound(node)
    except (TypeError, ArithmeticError) as error:
        raise NotAValueError(ast.unparse(node)[:80]) from error


def _compound(node: ast.expr) -> Value:
    match node:
        case ast.Set():
            return set(map(fold, node.elts))
        case ast.Dict():
            return {fold(k): fold(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}
        case ast.UnaryOp():
            return _UNARY[type(node.op)](fold(node.operand))
        case ast.BinOp() if type(node.op) in _BINARY:
            return _arithmetic(node.op, fold(node.left), fold(node.right))
        case ast.Name() if node.id.lower() in _NAMES:
            return _NAMES[node.id.lower()]
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            return _constructed(name, list(map(fold, node.args)))
    raise NotAValueError(ast.unparse(node)[:80])


def _size(value: Value) -> Value:
    return len(value) if hasattr(value, "__len__") else abs(value)


def _arithmetic(op: ast.operator, left: Value, right: Value) -> Value:
    numbers = all(isinstance(value, int | float) for value in (left, right))
    sizes = [_size(left), _size(right)]
    if isinstance(op, ast.Pow) and not (numbers and sizes[0] <= 10**6 and sizes[1] <= 64):
        raise NotAValueError("unreasonable power")
    if isinstance(op, ast.Mult) and not numbers and max(sizes) * min(sizes) > MAX_SOURCE:
        raise NotAValueError("unreasonable repetition")
    return _BINARY[type(op)](left, right)


def _constructed(name: str, arguments: list[Value]) -> Value:
    made: dict[str, Callable[..., Value]] = {"set": set, "list": list, "tuple": tuple, "dict": dict, "float": float}
    if name not in made or len(arguments) > 1:
        raise NotAValueError(f"{name}(...)")
    return made[name](*arguments)
