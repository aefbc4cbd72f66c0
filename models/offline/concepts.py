"""Concepts: what a word of the tasks means, as an expression that a skill line carries and the search composes.

Written `(a: int) a % 7 == 0`: the kinds of its arguments, then the expression over them.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from models.offline.catalog import PARAMETERS, Component
from models.offline.expression import assemble
from models.offline.fuel import Fuel, RefusedCodeError, checked, load
from models.offline.memories import metered, parts_of, renamed, tag_of
from models.offline.values import Value

MAX_EXPRESSION: Final = 120
"""Characters: a longer one is a program rather than the meaning of a word."""
COST: Final = 1
"""In a task that the line's condition fits."""
_ANNOTATIONS: Final = {
    "I": "int", "N": "float", "S": "str", "B": "bool", "LI": "list[int]", "LN": "list[float]", "LS": "list[str]",
    "LB": "list[bool]", "LD": "list[dict]", "LL": "list[tuple]", "L": "list", "T": "tuple", "D": "dict", "Z": "set",
}  # fmt: skip

_SEQUENCES: Final = {"I": "LI", "N": "LN", "S": "LS", "B": "LB", "D": "LD", "Q": "LL", "T": "LL", "X": "L"}
_PREDICATES: Final = frozenset(
    {"endswith", "startswith", "isdigit", "isalpha", "isalnum", "isupper", "islower", "isspace"}
)
ELEMENT: Final = "x"


class Concept(NamedTuple):
    """An expression over a, b, c."""

    tags: tuple[str, ...]
    """Kinds of its arguments."""
    expression: str

    def __str__(self) -> str:
        return f"({_signature(self)}) {self.expression}"


def read_concept(text: str) -> Concept | None:
    """Read a concept as it is written, with or without a remark; None when it is nothing of the kind."""
    if not text.startswith("("):
        return None
    signature, _, expression = text.partition(") ")
    try:
        function = ast.parse(f"def concept{signature}): 0").body[0]
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args.args
    names = tuple(argument.arg for argument in arguments)
    tags = tuple(tag_of(ast.unparse(a.annotation)) if a.annotation else "X" for a in arguments)
    expression = ast.unparse(tree)
    if not names or names != PARAMETERS[: len(names)] or len(expression) > MAX_EXPRESSION:
        return None
    return Concept(tags, expression)


def concepts_in(code: str) -> list[Concept]:
    """Return the concepts of which a program is made: conditions and bodies in it, or what it is where it has none.

    A whole program is the answer to one task rather than the meaning of a word, unless it is a single short step.
    Code that does not parse, or calls functions of its own, has none.
    """
    try:
        functions = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
        if len(functions) != 1:
            return []
        return list(dict.fromkeys(c for c in _found(functions[0]) if len(c.expression) <= MAX_EXPRESSION))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []


def _found(function: ast.FunctionDef) -> Iterator[Concept]:
    parts = [Concept(part.patterns, part.source) for part in parts_of(function)]
    yield from parts
    last, arguments = function.body[-1], function.args.args
    alone = len(function.body) == 1 and not parts and 1 <= len(arguments) <= 3
    if alone and isinstance(last, ast.Return) and last.value:
        tags = tuple(tag_of(ast.unparse(a.annotation)) if a.annotation else "X" for a in arguments)
        names = dict(zip([a.arg for a in arguments], PARAMETERS, strict=False))
        if not isinstance(last.value, ast.Name | ast.Constant):
            yield Concept(tags, ast.unparse(renamed(last.value, names)))


def components_of(name: str, concept: Concept, fuel: Fuel) -> list[Component]:
    """Compile a concept to components of that name: as it is, and applied to every element of a sequence.

    What the search does not run is left out.
    """
    made = (_component(name, one, fuel) for one in (concept, *_lifted(concept)))
    return [component for component in made if component]


def _component(name: str, concept: Concept, fuel: Fuel) -> Component | None:
    parameters = ", ".join(PARAMETERS[: len(concept.tags)])
    source = assemble(f"def concept({parameters}):\n    return {concept.expression}\n", [])
    try:
        function: Callable[..., Value] = load(checked(source), fuel)["concept"]
    except RefusedCodeError:
        return None
    return Component(
        name=name,
        patterns=concept.tags,
        cost=COST,
        function=metered(function, fuel),
        template=ast.parse(concept.expression, mode="eval").body,
    )


def _lifted(concept: Concept) -> Iterator[Concept]:
    """Yield the filter by a condition, or the map of anything else, over a list of what a concept is about."""
    body = ast.parse(concept.expression, mode="eval").body
    if ELEMENT in {node.id for node in ast.walk(body) if isinstance(node, ast.Name)}:
        return
    each = ast.unparse(renamed(body, {PARAMETERS[0]: ELEMENT}))
    loop = f"for {ELEMENT} in {PARAMETERS[0]}"
    is_condition = _is_condition(body)
    inner = f"{ELEMENT} {loop} if {each}" if is_condition else f"{each} {loop}"
    if concept.tags[0] in _SEQUENCES:
        yield Concept((_SEQUENCES[concept.tags[0]], *concept.tags[1:]), f"[{inner}]")
    if concept.tags[0] == "S":  # a text is a sequence of texts
        yield Concept(("S", *concept.tags[1:]), f"''.join({inner})")


def _is_condition(body: ast.expr) -> bool:
    if isinstance(body, ast.Call) and isinstance(body.func, ast.Attribute):
        return body.func.attr in _PREDICATES
    return isinstance(body, ast.Compare | ast.BoolOp) or (
        isinstance(body, ast.UnaryOp) and isinstance(body.op, ast.Not)
    )


def _signature(concept: Concept) -> str:
    pairs = zip(PARAMETERS, concept.tags, strict=False)
    return ", ".join(f"{name}: {_ANNOTATIONS[tag]}" if tag in _ANNOTATIONS else name for name, tag in pairs)
