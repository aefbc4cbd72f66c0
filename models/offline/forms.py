"""Higher-order forms: map, filter, sort by key and their like, over the elements of a sequence."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress, dropwhile, takewhile
from typing import Final

from models.offline.catalog import Component
from models.offline.expression import Node
from models.offline.values import MISSING, Value, Values


@dataclass(frozen=True, eq=False)
class Form:
    """A way to use an expression over one element; `apply` gets a sequence and the expression's value per element."""

    name: str
    cost: int
    sequence: str
    """Tag of the sequences it takes."""
    body: str
    """Tag of the bodies it takes."""
    template: str
    """Over a (the sequence) and b (the body); VAR is the bound variable."""
    apply: Callable[[Value, list[Value]], Value]
    words: frozenset[str] = frozenset()

    def component(self, variable: str) -> Component:
        """Return the form as a component of two arguments, printed with this variable."""
        return Component(
            name=self.name,
            patterns=(self.sequence, self.body),
            cost=self.cost,
            function=_never,
            template=ast.parse(self.template.replace("VAR", variable), mode="eval").body,
            words=self.words,
            binds=frozenset({variable}),
        )


def _never(*_: Node) -> list[Value]:
    raise TypeError("a form is applied to a sequence and a body, not called")


def _pick(best: Callable[..., int]) -> Callable[[Value, list[Value]], Value]:
    return lambda items, keys: items[best(range(len(keys)), key=keys.__getitem__)]


def _ordered(items: Value, keys: list[Value], *, down: bool = False) -> list[Value]:
    return [items[i] for i in sorted(range(len(keys)), key=keys.__getitem__, reverse=down)]


def _grouped(items: Value, keys: list[Value]) -> dict[Value, list[Value]]:
    groups: dict[Value, list[Value]] = {}
    for item, key in zip(items, keys, strict=True):
        groups.setdefault(key, []).append(item)
    return groups


def _form(row: str, apply: Callable[[Value, list[Value]], Value]) -> Form:
    name, cost, tags, template, words = (cell.strip() for cell in row.split(" | "))
    sequence, body = tags.split()
    return Form(name, int(cost), sequence, body, template, apply, frozenset(words.split()))


FORMS: Final = (
    _form("map | 1 | Q X | [b for VAR in a] | each every all element map", lambda _, v: v),
    _form(
        "filter | 1 | Q B | [VAR for VAR in a if b] | only whose which that filter where are keep",
        lambda s, v: list(compress(s, v)),
    ),
    _form("map_text | 2 | S S | ''.join(b for VAR in a) | each character letter replace", lambda _, v: "".join(v)),
    _form(
        "filter_text | 2 | S B | ''.join(VAR for VAR in a if b) | remove only without letters characters keep",
        lambda s, v: "".join(compress(s, v)),
    ),
    _form("count_if | 1 | Q B | sum(1 for VAR in a if b) | count number how many", lambda _, v: sum(v)),
    _form("any | 1 | Q B | any(b for VAR in a) | any some contains exists least", lambda _, v: any(v)),
    _form("all | 1 | Q B | all(b for VAR in a) | all every each", lambda _, v: all(v)),
    _form("sum_map | 1 | Q N | sum(b for VAR in a) | sum total", lambda _, v: sum(v)),
    _form("max_by | 2 | Q X | max(a, key=lambda VAR: b) | largest longest most maximum highest", _pick(max)),
    _form("min_by | 2 | Q X | min(a, key=lambda VAR: b) | smallest shortest least minimum lowest", _pick(min)),
    _form("sort_by | 2 | Q X | sorted(a, key=lambda VAR: b) | sort sorted order by according", _ordered),
    _form(
        "sort_by_down | 3 | Q X | sorted(a, key=lambda VAR: b, reverse=True) | sort descending by decreasing",
        lambda s, v: _ordered(s, v, down=True),
    ),
    _form(
        "first_if | 3 | Q B | next((VAR for VAR in a if b), None) | first find",
        lambda s, v: next(compress(s, v), None),
    ),
    _form(
        "index_if | 3 | Q B | [i for i, VAR in enumerate(a) if b] | indices positions index",
        lambda _, v: [i for i, keep in enumerate(v) if keep],
    ),
    _form(
        "dict_map | 3 | Q X | {VAR: b for VAR in a} | dictionary mapping each map",
        lambda s, v: dict(zip(s, v, strict=True)),
    ),
    _form(
        "group | 4 | Q X | grouped(a, lambda VAR: b) | group grouped by",
        _grouped,
    ),
    _form(
        "take_while | 4 | Q B | list(itertools.takewhile(lambda VAR: b, a)) | until while before",
        lambda s, v: [x for x, _ in takewhile(lambda pair: pair[1], zip(s, v, strict=True))],
    ),
    _form(
        "drop_while | 4 | Q B | list(itertools.dropwhile(lambda VAR: b, a)) | leading after from",
        lambda s, v: [x for x, _ in dropwhile(lambda pair: pair[1], zip(s, v, strict=True))],
    ),
)


@dataclass(frozen=True)
class Pool:
    """The elements of a sequence over all situations in one vector."""

    sequences: tuple[Value, ...]
    """One per situation; None where it is missing."""
    bounds: tuple[tuple[int, int], ...]
    elements: list[Value]
    visible: int
    """Number of elements of visible situations: they come first."""

    @classmethod
    def of(cls, values: Values, visible: int) -> "Pool":
        """Pool the elements of sequences, the first `visible` of which belong to examples."""
        sequences = tuple(None if value is MISSING else value for value in values)
        elements: list[Value] = []
        bounds = []
        shown = 0
        for index, sequence in enumerate(sequences):
            start = len(elements)
            elements.extend(sequence or ())
            bounds.append((start, len(elements)))
            if index < visible:
                shown = len(elements)
        return cls(sequences, tuple(bounds), elements, shown)

    def spread(self, values: Values) -> list[Value]:
        """Repeat a value per situation for each of its elements."""
        return [value for value, (i, j) in zip(values, self.bounds, strict=True) for _ in range(j - i)]

    def gather(self, form: Form, body: list[Value], visible: int) -> list[Value] | None:
        """Apply a form; None when a visible situation fails."""
        values: list[Value] = []
        for index, (sequence, (i, j)) in enumerate(zip(self.sequences, self.bounds, strict=True)):
            value = MISSING if sequence is None else _one(form, sequence, body[i:j])
            if value is MISSING and index < visible:
                return None
            values.append(value)
        return values


def _one(form: Form, sequence: Value, values: list[Value]) -> Value:
    try:
        return form.apply(sequence, values)
    except (TypeError, ValueError, IndexError, ArithmeticError):  # keys that cannot be compared, hashed or joined
        return MISSING
