"""Components compiled from their tables: the same template is evaluated in the search and printed in the answer."""

import ast
import datetime
import itertools
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from models.offline.tables.helpers import HELPERS
from models.offline.tables.numbers import NUMBERS
from models.offline.tables.sequences import SEQUENCES
from models.offline.tables.texts import TEXTS
from models.offline.values import Value

PARAMETERS: Final = ("a", "b", "c")
MODULES: Final[Mapping[str, Any]] = {"math": math, "re": re, "itertools": itertools, "datetime": datetime}

# Bounds on what a component may make: an ordinary program never gets near them, a search does all the time.
MAX_INTEGER: Final = 10**9
MAX_LENGTH: Final = 2_000
_NUMBERS: Final = (int, float)
_OPERATORS: Final[Mapping[type[ast.AST], str]] = {
    ast.Add: "operator.add", ast.Sub: "operator.sub", ast.Mult: "operator.mul", ast.FloorDiv: "operator.floordiv",
    ast.Div: "operator.truediv", ast.Mod: "operator.mod", ast.Eq: "operator.eq", ast.NotEq: "operator.ne",
    ast.Lt: "operator.lt", ast.LtE: "operator.le", ast.Gt: "operator.gt", ast.GtE: "operator.ge",
}  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Component:
    """One building block of programs."""

    name: str
    patterns: tuple[str, ...]
    """One tag per argument, see `values.kind_of`; CI and CS ask for an int or a text that is given, not computed."""
    cost: int
    function: Callable[..., list[Value]]
    """Takes nodes, returns one value per situation; raises whatever the template raises."""
    template: ast.expr
    """What is printed; its names a, b, c stand for the arguments."""
    words: frozenset[str] = frozenset()
    symmetric: bool = False
    binds: frozenset[str] = frozenset()
    """Names that the template binds for its arguments: the variable of a lambda body."""
    memory: str = ""
    """Id of the memory it comes from; "" for a built-in one."""
    source: str = ""
    """Code that an answer must carry for it; "" when the template and the helpers are enough."""


def small(function: Callable[..., Value], limits: Sequence[int]) -> Callable[..., Value]:
    """Guard a function: an argument larger than its limit (length of a sequence, size of a number) is refused."""

    def guarded(*arguments: Value) -> Value:
        for argument, limit in zip(arguments, limits, strict=False):
            if (abs(argument) if isinstance(argument, _NUMBERS) else len(argument)) > limit:
                raise OverflowError("too large for the search")
        return function(*arguments)

    def guarded_one(argument: Value) -> Value:  # most have one argument: half the time without a loop
        if (abs(argument) if isinstance(argument, _NUMBERS) else len(argument)) > limits[0]:
            raise OverflowError("too large for the search")
        return function(argument)

    return guarded_one if len(limits) == 1 else guarded


def too_large() -> Value:
    """Refuse to go on: what a condition in a template says when it is cheaper than a guarded function."""
    raise OverflowError("too large for the search")


def _repeat(items: Value, times: int) -> Value:
    if len(items) * times > MAX_LENGTH:
        raise OverflowError("too long for the search")
    return items * times


def _power(base: float, exponent: float) -> Value:
    if abs(base) > MAX_INTEGER or abs(exponent) > 64:
        raise OverflowError("too large for the search")
    if base < 0 and exponent != int(exponent):
        raise ValueError("not a real number")
    return base**exponent


@cache
def namespace() -> dict[str, Any]:
    """Return the names that templates may use: modules, helpers and guarded functions."""
    names: dict[str, Value] = dict(MODULES)
    exec(compile(HELPERS, "<helpers>", "exec"), names)
    wide, long = MAX_INTEGER, 200
    names |= {
        "small_power": _power,
        "small_repeat": _repeat,
        "small_factorial": small(math.factorial, [60]),
        "small_comb": small(math.comb, [200, 200]),
        "too_large": too_large,
        "small_prime_factors": small(names["prime_factors"], [wide]),
        "small_divisors": small(names["divisors"], [20_000]),
        "small_shift": small(lambda a, b: a << b, [wide, 64]),
        "small_fibonacci": small(names["fibonacci"], [300]),
        "small_collatz": small(names["collatz"], [wide]),
        "small_roman": small(names["to_roman"], [4_000]),
        "small_range": small(lambda *bounds: list(range(*bounds)), [MAX_LENGTH, MAX_LENGTH, MAX_LENGTH]),
        "small_zfill": small(str.zfill, [MAX_LENGTH, long]),
        "small_ljust": small(str.ljust, [MAX_LENGTH, long]),
        "small_rjust": small(str.rjust, [MAX_LENGTH, long]),
        "small_center": small(str.center, [MAX_LENGTH, long]),
        "small_substrings": small(names["substrings"], [30]),
        "small_combinations": small(lambda items, k: list(itertools.combinations(items, k)), [16, 4]),
        "small_chunks": small(names["chunks"], [MAX_LENGTH, MAX_LENGTH]),
        "small_windows": small(names["windows"], [MAX_LENGTH, MAX_LENGTH]),
        "small_subsequences": small(names["subsequences"], [8]),
        "small_permutations": small(lambda items: list(itertools.permutations(items)), [5]),
        "either_bits": lambda a, b: a | b,
    }
    return names


def _called(template: ast.expr, parameters: Sequence[str]) -> str:
    """Return the function that a template applies to its parameters as they are, in their order; "" for others."""
    match template:
        case ast.Call(ast.Name() | ast.Attribute(ast.Name()) as function, arguments, []):
            source = ast.unparse(function)
            if source.partition(".")[0] in parameters:
                return ""
        case ast.BinOp(left, symbol, right) if type(symbol) in _OPERATORS:
            source, arguments = _OPERATORS[type(symbol)], [left, right]
        case ast.Compare(left, [symbol], [right]) if type(symbol) in _OPERATORS:
            source, arguments = _OPERATORS[type(symbol)], [left, right]
        case ast.Subscript(left, right):
            source, arguments = "operator.getitem", [left, right]
        case _:
            return ""
    names = [argument.id for argument in arguments if isinstance(argument, ast.Name)]
    return source if names == list(parameters) and len(names) == len(arguments) else ""


def compile_template(template: str, arity: int, names: Mapping[str, Value]) -> Callable[..., list[Value]]:
    """Compile an expression over a, b, c into a function of nodes that returns the value in every situation."""
    nodes = [f"{p}_" for p in PARAMETERS[:arity]]
    used = PARAMETERS[:arity]
    called = _called(ast.parse(template, mode="eval").body, used)
    if called:  # the usual case without a loop in Python: a third of the time
        vectors = ", ".join(f"{n}.values" for n in nodes)
        source = f"lambda {', '.join(nodes)}: [*map({called}, {vectors})]"
        direct: Callable[..., list[Value]] = eval(source, {"operator": operator, **names})
        return direct
    if arity == 1:
        loop = "for a in a_.values"
    else:
        loop = f"for {', '.join(used)} in zip({', '.join(f'{n}.values' for n in nodes)})"
    compiled: Callable[..., list[Value]] = eval(f"lambda {', '.join(nodes)}: [{template} {loop}]", dict(names))
    return compiled


@dataclass(slots=True)
class _Row:
    """One line of a table."""

    name: str
    patterns: tuple[str, ...]
    cost: str
    searched: str
    printed: str
    words: frozenset[str] = field(default_factory=frozenset)


def _rows(table: str) -> list[_Row]:
    rows = []
    for line in table.strip().splitlines():
        name, patterns, cost, template, words = (cell.strip() for cell in re.split(r"(?<!\\)\|", line))
        searched, _, printed = template.partition(" => ")
        printed = (printed or searched).replace(r"\|", "|")
        rows.append(_Row(name, tuple(patterns.split()), cost, searched, printed, frozenset(words.split())))
    return rows


@cache
def components() -> tuple[Component, ...]:
    """Return all built-in components, compiled once per process."""
    made = []
    for row in _rows(NUMBERS) + _rows(TEXTS) + _rows(SEQUENCES):
        function = compile_template(row.searched, len(row.patterns), namespace())
        made.append(
            Component(
                name=row.name,
                patterns=row.patterns,
                cost=int(row.cost.rstrip("~")),
                function=function,
                template=ast.parse(row.printed, mode="eval").body,
                words=row.words | {row.name},
                symmetric=row.cost.endswith("~"),
            )
        )
    return tuple(made)


@cache
def conditional_component() -> Component:
    """Return the component of two branches: the first argument if the second is true, else the third."""
    template = "a if b else c"
    return Component(
        name="if_else",
        patterns=("X", "B", "X"),
        cost=3,
        function=compile_template(template, 3, {}),
        template=ast.parse(template, mode="eval").body,
    )


@cache
def helper_sources() -> dict[str, str]:
    """Return the source of every helper function by name."""
    tree = ast.parse(HELPERS)
    return {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
