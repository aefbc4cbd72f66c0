"""What differs between two states, path by path."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from state.json_values import JsonValue

# What legitimately differs when the same node runs again: measured, not computed. By name, wherever it stands.
MEASURED: dict[str, str] = {
    "usage": "tokens, money and seconds of a model call: part of the recording, no work of the node's",
    "cpu_s": "CPU seconds of an execution",
    "wall_s": "clock seconds of an execution",
}


@dataclass(frozen=True)
class Absent:
    """Stands for a value that is not there."""

    def __str__(self) -> str:
        return "(absent)"


ABSENT = Absent()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One place where two states differ."""

    path: str
    """Such as "attempts.0.report.passed"."""
    recorded: JsonValue
    replayed: JsonValue


def differences(recorded: JsonValue, replayed: JsonValue, excluded: Collection[str] = MEASURED) -> list[Difference]:
    """Return every leaf at which two JSON values differ, in the order of the first; names in `excluded` are skipped."""
    return list(_walk(recorded, replayed, excluded, ""))


def _walk(one: JsonValue, two: JsonValue, excluded: Collection[str], path: str) -> Iterator[Difference]:
    if isinstance(one, dict) and isinstance(two, dict):
        for name in dict.fromkeys([*one, *two]):
            if name not in excluded:
                yield from _walk(one.get(name, ABSENT), two.get(name, ABSENT), excluded, _joined(path, name))
    elif isinstance(one, list) and isinstance(two, list):
        for index, (a, b) in enumerate(zip_longest(one, two, fillvalue=ABSENT)):
            yield from _walk(a, b, excluded, _joined(path, str(index)))
    elif one != two or type(one) is not type(two):
        yield Difference(path=path, recorded=one, replayed=two)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
