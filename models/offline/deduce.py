"""Witness functions: what the body of a map or filter must give, deduced from what the whole must give.

Source: Gulwani, FlashFill, POPL 2011; Feser et al., lambda-squared, PLDI 2015.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from models.offline.values import Value, Values, same

SEPARATORS: Final = (" ", ",", ", ", "-", "_", "\n")


@dataclass(frozen=True)
class Shape:
    """A way to see the expected outputs as lists: what wraps the list, and the lists."""

    wrap: str
    """Template over a, the list: "a" for the list itself."""
    lists: list[list[Value]]


@dataclass(frozen=True)
class Deduced:
    """The values that a body must have on every visible element, and the form and wrapping that make it the answer."""

    form: str
    wrap: str
    values: list[Value]


def shapes(outputs: Values) -> Iterator[Shape]:
    """Yield the ways in which the outputs are lists in disguise."""
    kinds = {type(output) for output in outputs}
    seen_as = _SEEN_AS.get(kinds.pop()) if len(kinds) == 1 else None
    if seen_as:
        yield from seen_as(outputs)


def _lists(outputs: Sequence[list[Value]]) -> Iterator[Shape]:
    yield Shape("a", list(outputs))
    if all(map(_sorted, outputs)) and any(len(output) > 1 for output in outputs):
        yield Shape("sorted(a)", list(outputs))


def _tuples(outputs: Sequence[tuple[Value, ...]]) -> Iterator[Shape]:
    yield Shape("tuple(a)", [list(output) for output in outputs])


def _texts(outputs: Sequence[str]) -> Iterator[Shape]:
    yield Shape("''.join(a)", [list(output) for output in outputs])
    for separator in SEPARATORS:
        if any(separator in output for output in outputs):
            yield Shape(f"{separator!r}.join(a)", [output.split(separator) if output else [] for output in outputs])


def _dicts(outputs: Values) -> Iterator[Shape]:
    yield Shape("dict", list(outputs))


_SEEN_AS: Final[dict[type, Callable[[Value], Iterator[Shape]]]] = {
    list: _lists,
    tuple: _tuples,
    str: _texts,
    dict: _dicts,
}


def deduce(sequences: Values, outputs: Values) -> Iterator[Deduced]:
    """Yield what bodies over the elements of these sequences must give for the outputs to come about."""
    for shape in shapes(outputs):
        for form, witness in _WITNESSES.items():
            found = witness(sequences, shape)
            if found:
                yield Deduced(form, shape.wrap, found)


def _mapped(sequences: Values, shape: Shape) -> list[Value] | None:
    if shape.wrap in ("dict", "sorted(a)"):
        return None
    if all(len(s) == len(o) for s, o in zip(sequences, shape.lists, strict=True)):
        return [value for output in shape.lists for value in output]
    return None


def _filtered(sequences: Values, shape: Shape) -> list[Value] | None:
    if shape.wrap == "dict":
        return None
    labels: list[Value] = []
    for sequence, output in zip(sequences, shape.lists, strict=True):
        kept = [_among(item, output) for item in sequence]
        left = [item for item, keep in zip(sequence, kept, strict=True) if keep]
        if not same(_sort_if(left, shape.wrap == "sorted(a)"), output):
            return None
        labels += kept
    return labels if labels and not all(labels) else None


def _keyed(sequences: Values, shape: Shape) -> list[Value] | None:
    if shape.wrap != "dict":
        return None
    values: list[Value] = []
    for sequence, output in zip(sequences, shape.lists, strict=True):
        try:
            if list(dict.fromkeys(sequence)) != list(output) and set(sequence) != set(output):
                return None
            values += [output[item] for item in sequence]
        except (TypeError, KeyError):  # elements that cannot be keys
            return None
    return values


_WITNESSES: Final[dict[str, Callable[[Values, Shape], list[Value] | None]]] = {
    "map": _mapped,
    "filter": _filtered,
    "dict_map": _keyed,
}


def _among(item: Value, output: Values) -> bool:
    return any(same(item, other) for other in output)


def _sorted(items: list[Value]) -> bool:
    return _sort_if(items, True) == items


def _sort_if(items: list[Value], wanted: bool) -> list[Value]:
    try:
        return sorted(items) if wanted else items
    except TypeError:  # a mixture has no order
        return items
