"""Model-written code made callable inside the search: counted steps, guarded arithmetic, a short list of names.

This keeps honest code from blowing up and careless code out. It is no sandbox: the worker process with its
limits is (`worker.py`).
"""

import ast
import bisect
import builtins
import collections
import datetime
import functools
import heapq
import itertools
import math
import operator
import re
import statistics
import string
import typing
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from models.offline.values import Value

MODULES: Final[Mapping[str, ModuleType]] = {
    m.__name__: m
    for m in (
        bisect, collections, datetime, functools, heapq, itertools, math, operator, re, statistics, string, typing,
    )
}  # fmt: skip
STEPS: Final = 3_000
"""Loop turns and calls that one evaluation may take."""
MAX_SIZE: Final = 10_000


def _is_error(value: Value) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


_NAMES: Final = """
    open exec eval compile input breakpoint globals locals vars dir getattr setattr delattr exit quit help
    memoryview object super type classmethod staticmethod property print
    """
_FORBIDDEN: Final = frozenset(_NAMES.split())
_ERRORS: Final = (ValueError, TypeError, KeyError, IndexError, ZeroDivisionError, Exception)
_BUILTINS: Final = {
    name: value
    for name, value in vars(builtins).items()
    if not name.startswith("_") and name not in _FORBIDDEN and not _is_error(value)
} | {error.__name__: error for error in _ERRORS}


class RefusedCodeError(ValueError):
    """Code that the search does not run: it does not parse, reaches for the system, or uses unknown modules."""


class OutOfFuelError(ArithmeticError):
    """The evaluation took too many steps."""


class Fuel:
    """Steps that the running evaluation has left."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = STEPS

    def tick(self) -> bool:
        """Use one step. Raises OutOfFuelError when there is none."""
        self.left -= 1
        if self.left < 0:
            raise OutOfFuelError
        return True


class _Instrument(ast.NodeTransformer):
    """Adds a step to every function, loop and comprehension, and guards the operators that can blow up."""

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.For | ast.While):
            node.body.insert(0, ast.Expr(_call("_tick")))
        elif isinstance(node, ast.Lambda):
            node.body = ast.BoolOp(ast.And(), [_call("_tick"), node.body])
        elif isinstance(node, ast.comprehension):
            node.ifs.insert(0, _call("_tick"))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.Mult | ast.LShift):
            return _call(f"_{type(node.op).__name__.lower()}", node.left, node.right)
        return node


def _call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _mult(a: Value, b: Value) -> Value:
    for items, times in ((a, b), (b, a)):
        if hasattr(items, "__len__") and isinstance(times, int) and len(items) * times > MAX_SIZE:
            raise OutOfFuelError
    return a * b


def _pow(a: Value, b: Value) -> Value:
    if abs(a) > 10**9 or abs(b) > 64:
        raise OutOfFuelError
    return a**b


def _lshift(a: int, b: int) -> int:
    if b > 128:
        raise OutOfFuelError
    return a << b


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MAX_SIZE:
        raise OutOfFuelError  # sum(range(10**12)) is one uninterruptible step
    return made


def _import(name: str, *_: Any) -> ModuleType:
    if name not in MODULES:
        raise RefusedCodeError(f"import of {name}")
    return MODULES[name]


def _refuse(node: ast.AST) -> None:
    if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
        raise RefusedCodeError(f"attribute {node.attr}")
    if isinstance(node, ast.Name) and (node.id in _FORBIDDEN or node.id.startswith("__")):
        raise RefusedCodeError(f"name {node.id}")
    if isinstance(node, ast.AsyncFunctionDef | ast.ClassDef | ast.Global | ast.Nonlocal | ast.Yield | ast.Await):
        raise RefusedCodeError(type(node).__name__)


def checked(code: str) -> ast.Module:
    """Return the syntax tree of code. Raises RefusedCodeError for what the search does not run."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise RefusedCodeError("it does not parse") from error
    for node in ast.walk(tree):
        _refuse(node)
    allowed = (ast.FunctionDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    if not all(isinstance(node, allowed) for node in tree.body):
        raise RefusedCodeError("a statement outside of functions")
    return tree


def load(tree: ast.Module, fuel: Fuel) -> dict[str, Value]:
    """Run a checked module's top level and return its names. Raises RefusedCodeError when that fails."""
    names: dict[str, Value] = {
        "__builtins__": _BUILTINS | {"__import__": _import, "range": _range},
        "_tick": fuel.tick,
        "_mult": _mult,
        "_pow": _pow,
        "_lshift": _lshift,
    }
    copy = ast.parse(ast.unparse(tree))
    _Instrument().visit(copy)
    instrumented = ast.fix_missing_locations(copy)
    fuel.left = STEPS
    try:
        exec(compile(instrumented, "<memory>", "exec"), names)
    except Exception as error:
        raise RefusedCodeError(f"{type(error).__name__} at import") from error
    return names
