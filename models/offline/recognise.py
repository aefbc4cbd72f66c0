"""Components recognised in a program by their templates, whoever wrote the program."""

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from models.offline.catalog import MODULES, PARAMETERS, components, conditional_component, helper_sources
from models.offline.forms import FORMS

MAX_CODE: Final = 20_000
_VARIABLE: Final = "VAR"


@dataclass(frozen=True)
class _Shape:
    """What a component or form looks like in code."""

    name: str
    template: ast.expr
    detail: tuple[int, int]
    """Nodes of the template, and how few different things it is about: of several that match, the most detailed."""


def components_in(code: str) -> list[str]:
    """Return the names of the components and forms of which a program is made, sorted.

    At every expression the most detailed template that matches is taken, then its arguments are looked at. Components
    with the same template ("a + b" of numbers and of texts) are told apart by nothing: all are named. Code that does
    not parse has none.
    """
    try:
        tree = ast.parse(code[:MAX_CODE])
        return sorted(set(_names(tree)))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []


def _names(node: ast.AST) -> Iterator[str]:
    inner: list[ast.AST] = []
    for name, bound in _best_shapes(node) if isinstance(node, ast.expr) else ():
        yield name
        inner = bound
    for child in inner or ast.iter_child_nodes(node):
        yield from _names(child)


def _best_shapes(node: ast.expr) -> list[tuple[str, list[ast.AST]]]:
    """Return the names of the most detailed shapes that an expression has, with what their variables stand for."""
    matching = []
    for shape in _shapes().get(_head(node), ()):
        bound: dict[str, ast.AST] = {}
        if _matches(shape.template, node, bound):
            matching.append((shape, bound))
    if not matching and isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
        return [("map", []), ("filter", [])] if node.generators[0].ifs else [("map", [])]
    most = max((shape.detail for shape, _ in matching), default=(0, 0))
    return [(shape.name, list(bound.values())) for shape, bound in matching if shape.detail == most]


@cache
def _shapes() -> dict[str, list[_Shape]]:
    """Return the shapes by the kind of node with which they begin."""
    named: list[tuple[str, ast.expr]] = [(c.name, c.template) for c in (*components(), conditional_component())]
    named += [(form.name, form.component(_VARIABLE).template) for form in FORMS]
    by_head: dict[str, list[_Shape]] = defaultdict(list)
    for name, template in named:
        if not isinstance(template, ast.Name):
            by_head[_head(template)].append(_Shape(name, template, _detail(template)))
    return by_head


def _detail(template: ast.expr) -> tuple[int, int]:
    variables = [name for node in ast.walk(template) if (name := _variable(node))]
    return sum(1 for _ in ast.walk(template)) - len(variables), -len(set(variables))


def _head(node: ast.expr) -> str:
    """Return the kind of a node; for calls with the name of what is called."""
    if isinstance(node, ast.Call):
        called = node.func
        return f"call {called.attr if isinstance(called, ast.Attribute) else getattr(called, 'id', '')}"
    return type(node).__name__


def _matches(template: ast.AST, node: ast.AST, bound: dict[str, ast.AST]) -> bool:
    """Tell whether a node is the template with something in place of a, b, c and of bound variables.

    bound: what each of these stands for so far; it is added to.
    """
    name = _variable(template)
    if name and isinstance(node, ast.expr | ast.arg) and not isinstance(node, ast.Slice):
        return _text(bound.setdefault(name, node)) == _text(node)
    if type(template) is not type(node):
        return False
    return all(_alike(getattr(template, field), getattr(node, field), bound) for field in template._fields)


def _alike(wanted: object, given: object, bound: dict[str, ast.AST]) -> bool:
    if isinstance(wanted, list) and isinstance(given, list):
        return len(wanted) == len(given) and all(_alike(w, g, bound) for w, g in zip(wanted, given, strict=True))
    if isinstance(wanted, ast.AST) and not isinstance(wanted, ast.expr_context):
        return isinstance(given, ast.AST) and _matches(wanted, given, bound)
    return isinstance(wanted, ast.expr_context) or (wanted == given and type(wanted) is type(given))


def _text(node: ast.AST) -> str:
    return node.arg if isinstance(node, ast.arg) else ast.unparse(node)


def _variable(template: ast.AST) -> str:
    """Return the name that may stand for anything: a, b, c, or one that the template binds; "" for any other node."""
    name = template.id if isinstance(template, ast.Name) else template.arg if isinstance(template, ast.arg) else ""
    return name if name in (*PARAMETERS, _VARIABLE) or (name and not _has_meaning(name)) else ""


@cache
def _has_meaning(name: str) -> bool:
    """Tell whether a name in a template is a builtin, a module or a helper rather than a variable."""
    return hasattr(builtins, name) or name in MODULES or name in helper_sources()
