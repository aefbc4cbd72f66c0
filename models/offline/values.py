"""What the solver knows of values: their kinds, their tags, equality as a test would see it, and size limits.

A *vector* is a list with one value per situation: the visible examples first, then the probes.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, TypeAlias

# Longest marshalled vector that is kept: larger ones cost more than they are worth.
MAX_VECTOR_BYTES: Final = 20_000
FLOAT_TOLERANCE: Final = 1e-6

Value: TypeAlias = Any
"""An argument or a result of an example, or a part of one: any value that Python has."""
Values: TypeAlias = Sequence[Value]
"""Mostly a vector."""


class Missing:
    """The value of an expression that failed on a probe; every operation on it fails as well."""

    __slots__ = ()

    def _refuse(self, *_: object) -> Any:
        raise ArithmeticError("this value is missing")

    __eq__ = __bool__ = __str__ = __hash__ = __contains__ = _refuse


MISSING: Final = Missing()

_SCALARS: dict[type, tuple[str, tuple[str, ...]]] = {
    int: ("int", ("X", "I", "N")),
    float: ("float", ("X", "F", "N")),
    bool: ("bool", ("X", "B")),
    str: ("str", ("X", "S", "Q")),
    type(None): ("none", ("X",)),
}
_ELEMENT_NAMES: dict[type, str] = {
    int: "int", float: "float", bool: "bool", str: "str", list: "list", tuple: "tuple", dict: "dict",
}  # fmt: skip
# Tags of a list or tuple by the name of its elements; "L" and "T" themselves are added by container.
_SEQUENCE_TAGS: dict[str, tuple[str, ...]] = {
    "int": ("LI", "LN", "LC"),
    "float": ("LN", "LC"),
    "num": ("LN", "LC"),
    "str": ("LS", "LC"),
    "bool": ("LB",),
    "list": ("LL",),
    "tuple": ("LL", "LC"),
    "dict": ("LD",),
    "": ("LI", "LN", "LS", "LB", "LL", "LD", "LC"),
    "any": (),
}
# Kinds whose values hold no sets and no dicts.
FLAT_KINDS: Final = frozenset(
    {kind for kind, _ in _SCALARS.values()}
    | {f"{outer}[{inner}]" for outer in ("list", "tuple") for inner in ("int", "float", "num", "str", "bool", "")}
)
_ATOMS: Final = frozenset(_SCALARS)
_kinds: dict[tuple[type, frozenset[type]], tuple[str, tuple[str, ...]]] = {}


def kind_of(vector: Values) -> tuple[str, tuple[str, ...]]:
    """Return the kind of a vector ("list[int]") and the tags by which components ask for it.

    Tags: X anything, I int, F float, N number, B bool, S str, Q str or list or tuple, L list, T tuple, D dict,
    Z set; LI/LN/LS/LB/LL/LD list or tuple of ints, numbers, strings, bools, sequences, dicts; LC of sortable ones;
    DN dict with numbers as values, DL with lists.
    """
    outer = {*map(type, vector)}
    if len(outer) == 1:
        (single,) = outer
        scalar = _SCALARS.get(single)
        return scalar if scalar else _container_kind(single, vector)
    outer.discard(Missing)
    if len(outer) == 1:
        return kind_of([value for value in vector if value is not MISSING])
    if outer == {int, float}:
        return "num", ("X", "N")
    return "any", ("X",)


def _container_kind(outer: type, vector: Values) -> tuple[str, tuple[str, ...]]:
    if outer is list or outer is tuple or outer is set:
        inner = frozenset(map(type, chain.from_iterable(vector)))
    elif outer is dict:
        inner = frozenset(map(type, chain.from_iterable(value.values() for value in vector)))
    else:
        return outer.__name__, ("X",)
    known = _kinds.get((outer, inner))
    if known is None:
        known = _kinds[outer, inner] = _describe(outer, inner)
    return known


def _describe(outer: type, inner: frozenset[type]) -> tuple[str, tuple[str, ...]]:
    name = element_name(inner)
    kind = f"{outer.__name__}[{name}]"
    if outer is dict:
        extra = ("DN",) if name in ("int", "float", "num", "") else ("DL",) if name == "list" else ()
        return kind, ("X", "D", *extra)
    if outer is set:
        return kind, ("X", "Z")
    return kind, ("X", "Q", "L" if outer is list else "T", *_SEQUENCE_TAGS.get(name, ()))


def element_name(types: frozenset[type]) -> str:
    """Return the common name of element types: "int", "num" for ints with floats, "" for none, "any" for a mixture."""
    if not types:
        return ""
    if len(types) == 1:
        return _ELEMENT_NAMES.get(next(iter(types)), "any")
    return "num" if types == {int, float} else "any"


def same(got: Value, expected: Value) -> bool:
    """Compare as the tests do: type and value, floats by tolerance, an int equals a float of the same value."""
    if type(expected) is float or type(got) is float:
        if type(got) not in (int, float) or type(expected) not in (int, float):
            return False
        return _close(got, expected)
    if type(got) is not type(expected):
        return False
    if isinstance(expected, (list, tuple)):
        return len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same(got[key], value) for key, value in expected.items())
    return bool(got == expected)


def _close(got: float, expected: float) -> bool:
    try:
        return got == expected or abs(got - expected) <= FLOAT_TOLERANCE * max(1.0, abs(expected))
    except OverflowError:  # an int beyond every float
        return False


def holds_floats(value: Value) -> bool:
    """Tell whether a float is anywhere in a value, so that comparison needs a tolerance."""
    if isinstance(value, list | tuple | set):
        return any(map(holds_floats, value))
    if isinstance(value, dict):
        return any(map(holds_floats, value.values()))
    return isinstance(value, float)


def in_order(value: Value) -> Value:
    """Return a value with every set and dict replaced by a sorted list, so that equal values have equal bytes."""
    if type(value) in _ATOMS:
        return value
    if isinstance(value, (set, frozenset)):
        return ("set", sorted(map(in_order, value), key=repr))
    if isinstance(value, dict):
        return ("dict", sorted(((in_order(k), in_order(v)) for k, v in value.items()), key=repr))
    if isinstance(value, (list, tuple)):
        return type(value)(map(in_order, value))
    return value
