"""Constants found by solving for them: given what an expression must become, find the constant that takes it there.

Enumeration would have to guess `% 10 == 7`, `+ 10` or `"#" +`; the values themselves tell. Every solution is checked
against all visible values, and a constant counts only if more different values agree than it has free choices.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import compress
from math import gcd
from operator import not_
from typing import Any, Final

from models.offline.catalog import Component, compile_template
from models.offline.expression import Node, leaf
from models.offline.values import Value, Values, kind_of, same

MAX_MODULUS: Final = 12


@dataclass(frozen=True)
class Solved:
    """A template over a (the expression) with constants b and c in place, and what it costs."""

    template: str
    constants: tuple[Value, ...]
    cost: int = 3


Solver = Callable[[Sequence[Any], Sequence[Any]], Iterator[Solved]]


def solvers_for(wanted: Values) -> dict[str, tuple[Solver, ...]]:
    """Return the solvers that may lead to such values, by the first word of an expression's kind ("list")."""
    target = _KINDS.get(kind_of(wanted)[0].partition("[")[0], "")
    found: dict[str, tuple[Solver, ...]] = {}
    for kind, name in _KINDS.items():
        if (name, target) in _SOLVERS:
            found[kind] = _SOLVERS[name, target]
    return found


def solutions(solvers: Sequence[Solver], values: Values, wanted: Values) -> Iterator[Solved]:
    """Yield the templates that take every value to the wanted one. Both hold one value per visible situation."""
    if values.count(values[0]) == len(values):
        return
    for solver in solvers:
        yield from solver(values, wanted)


def applied(solved: Solved, node: Node) -> Node | None:
    """Return the expression that a solution describes; None when it fails anywhere that is visible."""
    component = _component(solved.template, len(solved.constants))
    constants = tuple(leaf(repr(value), [value] * len(node.values), 1) for value in solved.constants)
    args = (node, *constants)
    try:
        values = component.function(*args)
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return None
    return Node(values, cost=node.cost + solved.cost, component=component, args=args)


@cache
def _component(template: str, constants: int) -> Component:
    return Component(
        name="solved",
        patterns=("X",) * (1 + constants),
        cost=2,
        function=compile_template(template, 1 + constants, {}),
        template=ast.parse(template, mode="eval").body,
    )


def _shift(values: Values, wanted: Values) -> Iterator[Solved]:
    difference = wanted[0] - values[0]
    if difference and all(same(w - v, difference) for v, w in zip(values, wanted, strict=True)):
        yield Solved("a + b", (difference,)) if difference > 0 else Solved("a - b", (-difference,))
    if values[0] and wanted[0] % values[0] == 0:
        factor = wanted[0] // values[0]
        if factor > 1 and all(same(v * factor, w) for v, w in zip(values, wanted, strict=True)):
            yield Solved("a * b", (factor,))


def _affine(values: Values, wanted: Values) -> Iterator[Solved]:
    points = sorted(set(zip(values, wanted, strict=True)))
    if len(points) < 3 or points[0][0] == points[1][0]:
        return
    slope, rest = divmod(points[1][1] - points[0][1], points[1][0] - points[0][0])
    if slope in (0, 1) or rest:
        return
    offset = points[0][1] - slope * points[0][0]
    if offset and all(same(slope * v + offset, w) for v, w in points):
        yield Solved("a * b + c" if offset > 0 else "a * b - c", (slope, abs(offset)), 5)


def _clamp(values: Values, wanted: Values) -> Iterator[Solved]:
    moved = {w for v, w in zip(values, wanted, strict=True) if v != w}
    if len(moved) == 1 and any(v == w for v, w in zip(values, wanted, strict=True)):
        bound = moved.pop()
        for name, function in (("min", min), ("max", max)):
            if all(function(v, bound) == w for v, w in zip(values, wanted, strict=True)):
                yield Solved(f"{name}(a, b)", (bound,), 4)


def _remainder(values: Values, wanted: Values) -> Iterator[Solved]:
    if not all(type(v) is int for v in (*values, *wanted)) or min(wanted) < 0:
        return
    common = 0
    for v, w in zip(values, wanted, strict=True):
        common = gcd(common, v - w)
    largest = max(wanted)
    for modulus in range(largest + 1, min(common, 1_000) + 1):
        if common % modulus == 0 and len(set(wanted)) > 1:
            yield Solved("a % b", (modulus,), 4)
            return
    yield from _quotient(values, wanted)


def _quotient(values: Sequence[int], wanted: Sequence[int]) -> Iterator[Solved]:
    """Find a divisor of which the wanted values are the quotients or the multiples below."""
    value, quotient = max(zip(values, wanted, strict=True), key=lambda pair: pair[1])
    if quotient < 1 or value < quotient:
        return
    for divisor in range(max(2, value // (quotient + 1)), min(value // quotient, 1_000) + 1):
        if all(v // divisor == w for v, w in zip(values, wanted, strict=True)):
            yield Solved("a // b", (divisor,), 4)
            return
    common, beyond = gcd(*wanted), max(v - w for v, w in zip(values, wanted, strict=True))
    for divisor in range(max(2, beyond + 1), min(common, 1_000) + 1):
        if common % divisor == 0 and all(v // divisor * divisor == w for v, w in zip(values, wanted, strict=True)):
            yield Solved("a // b * b", (divisor,), 5)
            return


def _split(values: Values, wanted: Sequence[bool]) -> tuple[list[Value], list[Value]]:
    return list(compress(values, wanted)), list(compress(values, map(not_, wanted)))


def _number_test(values: Values, wanted: Sequence[bool]) -> Iterator[Solved]:
    yes, no = _split(values, wanted)
    yield from _threshold(yes, no)
    yield from _residue(yes, no)
    yield from _equality(yes, no)


def _text_test(values: Values, wanted: Sequence[bool]) -> Iterator[Solved]:
    yes, no = _split(values, wanted)
    yield from _equality(yes, no)
    yield from _affixes(yes, no)


def _threshold(yes: Values, no: Values) -> Iterator[Solved]:
    if len(set(yes)) < 2 or len(set(no)) < 2:
        return
    if min(yes) > max(no):
        yield Solved("a > b", (roundest(max(no), min(yes)),))
        if min(yes) == roundest(max(no), min(yes) + 1):
            yield Solved("a >= b", (min(yes),), 4)
    if max(yes) < min(no):
        bound = roundest(max(yes) + 1, min(no) + 1) if type(min(no)) is int else min(no)
        yield Solved("a < b", (bound,))
        if max(yes) == roundest(max(yes), min(no)):
            yield Solved("a <= b", (max(yes),), 4)


def roundest(low: Value, high: Value) -> Value:
    """Return the roundest number in [low, high): most trailing zeros, then a multiple of 5, then the smallest."""
    if type(low) is not int or type(high) is not int:
        return low
    for step in (1_000, 500, 100, 50, 25, 10, 5):
        multiple = -(-low // step) * step
        if multiple < high:
            return multiple
    return low


def _residue(yes: Values, no: Values) -> Iterator[Solved]:
    if not no or {*map(type, yes), *map(type, no)} != {int} or len(set(yes)) < 2:
        return
    for modulus in range(2, MAX_MODULUS + 1):
        remainder = yes[0] % modulus
        if all(v % modulus == remainder for v in yes) and all(v % modulus != remainder for v in no):
            yield Solved("a % b == c", (modulus, remainder), 4)
            return


def _equality(yes: Values, no: Values) -> Iterator[Solved]:
    if len(yes) > 1 and all(v == yes[0] for v in yes) and yes[0] not in no:
        yield Solved("a == b", (yes[0],))
    if len(no) > 1 and all(v == no[0] for v in no) and no[0] not in yes:
        yield Solved("a != b", (no[0],), 4)


def _affixes(yes: Sequence[str], no: Sequence[str]) -> Iterator[Solved]:
    if len(set(yes)) < 2 or not no:
        return
    head = _shortest(commonprefix(yes), lambda part: not any(v.startswith(part) for v in no))
    tail = _shortest(commonprefix([v[::-1] for v in yes]), lambda part: not any(v[::-1].startswith(part) for v in no))
    if head:
        yield Solved("a.startswith(b)", (head,))
    if tail:
        yield Solved("a.endswith(b)", (tail[::-1],))
    for c in sorted(set(yes[0]).intersection(*yes[1:]) - set().union(*no)):
        yield Solved("b in a", (c,))


def commonprefix(texts: Sequence[str]) -> str:
    """Return the longest text with which all begin."""
    first, last = min(texts), max(texts)
    same_until = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same_until]


def _shortest(whole: str, fits: Callable[[str], bool]) -> str:
    return next((whole[:n] for n in range(1, len(whole) + 1) if fits(whole[:n])), "")


def _wrapped(values: Sequence[str], wanted: Sequence[str]) -> Iterator[Solved]:
    if not all(v in w for v, w in zip(values, wanted, strict=True)):
        return
    base = max(zip(values, wanted, strict=True), key=lambda pair: len(pair[0]))
    at = base[1].find(base[0])
    head, tail = base[1][:at], base[1][at + len(base[0]) :]
    if (head or tail) and all(head + v + tail == w for v, w in zip(values, wanted, strict=True)):
        if not tail:
            yield Solved("b + a", (head,))
        elif not head:
            yield Solved("a + b", (tail,))
        else:
            yield Solved("b + a + c", (head, tail), 4)


def _replaced(values: Sequence[str], wanted: Sequence[str]) -> Iterator[Solved]:
    changes = {(v, w) for v, w in zip(values, wanted, strict=True) if v != w}
    gone = set().union(*(set(v) - set(w) for v, w in changes))
    new = set().union(*(set(w) - set(v) for v, w in changes)) or {""}
    if len(changes) > 1 and len(gone) == len(new) == 1:
        old, by = gone.pop(), new.pop()
        if all(v.replace(old, by) == w for v, w in zip(values, wanted, strict=True)):
            yield Solved("a.replace(b, c)", (old, by))


def _sliced(values: Values, wanted: Values) -> Iterator[Solved]:
    """Find a slice with fixed ends, counted from the front or from the back."""
    longest = max(len(w) for w in wanted)
    if longest == 0 or longest > 40 or max(map(len, values)) > 200:
        return
    first, goal = max(zip(values, wanted, strict=True), key=lambda pair: len(pair[1]))
    for start in range(min(len(first), 30)):
        if first[start : start + len(goal)] != goal:
            continue
        stop = start + len(goal)
        for template, bounds in (
            ("a[:b]", (stop,)) if start == 0 else ("a[b:c]", (start, stop)),
            ("a[b:]", (start - len(first),)) if stop == len(first) else ("a[b:c]", (start, stop - len(first))),
            ("a[b:]", (start,)),
        ):
            if _cuts(template, bounds, values, wanted):
                yield Solved(template, bounds)
                return


def _cuts(template: str, bounds: tuple[int, ...], values: Values, wanted: Values) -> bool:
    start, stop = {"a[:b]": (None, bounds[0]), "a[b:]": (bounds[0], None)}.get(template, (bounds[0], bounds[-1]))
    return all(v[start:stop] == w for v, w in zip(values, wanted, strict=True))


def _joined(values: Values, wanted: Sequence[str]) -> Iterator[Solved]:
    for items, text in zip(values, wanted, strict=True):
        if len(items) > 1 and all(type(item) is str for item in items) and text.startswith(items[0]):
            end = text.find(items[1], len(items[0]))
            separator = text[len(items[0]) : end] if end >= 0 else ""
            if all(_is_join(separator, v, w) for v, w in zip(values, wanted, strict=True)):
                yield Solved("b.join(a)", (separator,))
            return


def _is_join(separator: str, items: Values, text: str) -> bool:
    return all(type(item) is str for item in items) and separator.join(items) == text


_KINDS: Final = {
    "int": "number", "float": "number", "num": "number", "bool": "bool", "str": "text", "list": "list", "tuple": "list",
}  # fmt: skip
_NUMBERS: Final = (_shift, _affine, _clamp, _remainder)
_SOLVERS: Final[dict[tuple[str, str], tuple[Solver, ...]]] = {
    ("number", "number"): _NUMBERS,
    ("number", "bool"): (_number_test,),
    ("text", "bool"): (_text_test,),
    ("text", "text"): (_wrapped, _replaced, _sliced),
    ("list", "list"): (_sliced,),
    ("list", "text"): (_joined,),
}
