"""Filters on what records say of themselves: parsed once, evaluated per distinct value rather than per record.

    {"language": "python"}                                   equals
    {"tests": {"gte": 3, "lt": 10}, "tags": {"contains": "graph"}}
    {"OR": [{"level": "easy"}, {"NOT": {"state": "archived"}}]}

Operators: eq ne in nin gt gte lt lte contains icontains; "*" as a value: the field is there. Fields in one object
must all match. Where a record has no such field, only ne, nin and NOT match.
"""

import json
import operator
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from memory.record import MemoryRefusedError
from state.json_values import JsonMapping, JsonValue
from storage.contents import canonical

Mask: TypeAlias = NDArray[np.bool_]
Test: TypeAlias = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One field compared with one operand."""

    field: str
    test: Test
    missing: bool  # what a record without the field answers


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Conditions of which all or any must hold, or none (`negated` and any)."""

    parts: Sequence["Condition | Group"]
    every: bool = True
    negated: bool = False


class Attributes:
    """The values of every field, each distinct value stored once and each record's as a number."""

    def __init__(self) -> None:
        self._fields: dict[str, _Field] = {}

    def append(self, row: int, values: JsonMapping) -> None:
        """Take the values of the next record; rows come in rising order."""
        for name, value in values.items():
            column = self._fields.get(name) or self._fields.setdefault(name, _Field())
            column.append(row, value)

    def mask(self, part: Condition | Group, size: int) -> Mask:
        """Return for each of the first `size` records whether it passes."""
        if isinstance(part, Condition):
            column = self._fields.get(part.field)
            return np.full(size, part.missing) if column is None else column.mask(part, size)
        masks = [self.mask(child, size) for child in part.parts]
        if not masks:
            return np.full(size, part.every != part.negated)
        whole: Mask = (np.logical_and if part.every else np.logical_or).reduce(masks)
        return ~whole if part.negated else whole


class _Field:
    """One column, encoded by dictionary; 0 stands for a record without the field."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._values: list[JsonValue] = [None]
        self._rows = array("i")

    def append(self, row: int, value: JsonValue) -> None:
        self._rows.extend([0] * (row - len(self._rows)))
        code = self._codes.setdefault(canonical(value), len(self._values))
        if code == len(self._values):
            self._values.append(value)
        self._rows.append(code)

    def mask(self, condition: Condition, size: int) -> Mask:
        passes = np.array([condition.missing, *map(condition.test, self._values[1:])], np.bool_)
        found = np.full(size, condition.missing)
        rows = np.frombuffer(self._rows, np.int32)[:size]
        found[: len(rows)] = passes[rows]
        return found


def parsed(filters: "Mapping[str, Any] | Group") -> Group | None:
    """Return filters as a tree, the same object for the same filters; None for no filter at all.

    Raises MemoryRefusedError for an unknown operator or a wrong operand.
    """
    if isinstance(filters, Group):
        return filters if filters.parts else None
    return _parsed_text(canonical(dict(filters))) if filters else None


@lru_cache(maxsize=1000)
def _parsed_text(filters: str) -> Group:
    return _parsed(json.loads(filters))


def _parsed(filters: JsonMapping) -> Group:
    parts: list[Condition | Group] = []
    for name, value in filters.items():
        if name in ("AND", "OR", "NOT"):
            parts.append(_group(name, value))
        else:
            parts.extend(_conditions(name, value))
    return Group(parts)


def _group(name: str, value: JsonValue) -> Group:
    children = [value] if name == "NOT" and isinstance(value, Mapping) else value
    if not isinstance(children, list) or not all(isinstance(child, Mapping) for child in children):
        raise MemoryRefusedError(f"filter {name} takes a list of filters, got {value!r}")
    return Group([_parsed(child) for child in children], every=name == "AND", negated=name == "NOT")


def _conditions(name: str, value: JsonValue) -> list[Condition]:
    if value == "*":
        return [Condition(name, lambda _: True, missing=False)]
    if not isinstance(value, Mapping):
        return [_condition(name, "eq", value)]
    return [_condition(name, operation, operand) for operation, operand in value.items()]


def _condition(name: str, operation: str, operand: JsonValue) -> Condition:
    if operation not in _OPERATORS:
        raise MemoryRefusedError(f"no filter operator {operation!r} (field {name}); have: {', '.join(_OPERATORS)}")
    if operation in ("in", "nin") and not isinstance(operand, list | tuple):
        raise MemoryRefusedError(f"filter {name} {operation} takes a list, got {operand!r}")
    compare = _OPERATORS[operation]
    return Condition(name, lambda value: compare(value, operand), missing=operation in ("ne", "nin"))


def _ordered(compare: Callable[[JsonValue, JsonValue], bool]) -> Callable[[JsonValue, JsonValue], bool]:
    def test(value: JsonValue, operand: JsonValue) -> bool:
        numbers = isinstance(value, int | float) and isinstance(operand, int | float)
        return (numbers or (isinstance(value, str) and isinstance(operand, str))) and compare(value, operand)

    return test


def _contains(value: JsonValue, operand: JsonValue) -> bool:
    if isinstance(value, str):
        return isinstance(operand, str) and operand in value
    return isinstance(value, list | Mapping) and operand in value


def _contains_folded(value: JsonValue, operand: JsonValue) -> bool:
    return isinstance(value, str) and isinstance(operand, str) and operand.casefold() in value.casefold()


_OPERATORS: dict[str, Callable[[JsonValue, JsonValue], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "in": lambda value, operand: value in operand,
    "nin": lambda value, operand: value not in operand,
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "contains": _contains,
    "icontains": _contains_folded,
}
