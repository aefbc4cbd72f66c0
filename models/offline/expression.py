"""Expressions of the search, and the programs they are printed as."""

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from functools import cache

from models.offline.catalog import MODULES, PARAMETERS, Component, helper_sources
from models.offline.values import MISSING, Value, kind_of

HELPER_SUFFIX = "_helper"
"""Added to a helper's name where a parameter has the same."""


class Node:
    """An expression with its value in every situation (visible examples, then probes)."""

    __slots__ = ("args", "component", "cost", "found_after", "kind", "leaf", "values")

    def __init__(
        self, values: list[Value], cost: int, component: Component | None = None, args: "tuple[Node, ...]" = ()
    ) -> None:
        self.values = values
        self.cost = cost
        self.component = component
        self.args = args
        self.leaf: ast.expr | None = None
        self.kind = ""
        self.found_after = 0
        """Candidates tried before it was known to fit; 0: not noted."""

    def walk(self) -> "Iterator[Node]":
        """Yield this node and everything below it."""
        yield self
        for arg in self.args:
            yield from arg.walk()

    @property
    def misses(self) -> int:
        """Number of probes on which the expression fails."""
        return sum(value is MISSING for value in self.values)


@cache
def _parsed(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


def leaf(source: str, values: list[Value], cost: int) -> Node:
    """Make a node of a name or a constant."""
    node = Node(values, cost=cost)
    node.leaf = _parsed(source)
    node.kind = kind_of(values)[0]
    return node


class _Fill(ast.NodeTransformer):
    """Puts expressions in the place of a template's parameters, and renames names that would be mistaken.

    bound: new names of variables that the template binds. hidden: the function's parameters; a template that
    means the builtin, helper or module of such a name has to say so.
    """

    def __init__(self, arguments: dict[str, ast.expr], bound: dict[str, str], hidden: frozenset[str]) -> None:
        self.arguments = arguments
        self.bound = bound
        self.hidden = hidden

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.arguments:
            return self.arguments[node.id]
        if node.id in self.bound or node.id not in self.hidden:
            return ast.Name(self.bound.get(node.id, node.id), node.ctx)
        return ast.parse(_unhidden(node.id), mode="eval").body

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self.bound.get(node.arg, node.arg))


def _unhidden(name: str) -> str:
    if hasattr(builtins, name):
        return f"builtins.{name}"
    if name in helper_sources():
        return name + HELPER_SUFFIX
    return f"__import__({name!r})" if name in MODULES else name


def _fill(component: Component, arguments: dict[str, ast.expr], hidden: frozenset[str]) -> ast.expr:
    template = ast.parse(ast.unparse(component.template), mode="eval").body  # a copy to fill
    bound = {n.id for n in ast.walk(template) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.arg for n in ast.walk(template) if isinstance(n, ast.arg)}
    bound -= component.binds
    taken = {n.id for tree in arguments.values() for n in ast.walk(tree) if isinstance(n, ast.Name)}
    renamed = {name: _fresh(name, taken | hidden) for name in bound & (taken | hidden)}
    result: ast.expr = _Fill(arguments, renamed, hidden).visit(template)
    return result


def _fresh(name: str, taken: set[str]) -> str:
    return next(f"{name}{n}" for n in range(2, 100) if f"{name}{n}" not in taken)


def tree_of(node: Node, hidden: frozenset[str] = frozenset()) -> ast.expr:
    """Return the syntax tree of an expression. hidden: names that mean parameters where it will stand."""
    if node.component is None:
        assert node.leaf is not None
        return node.leaf
    filled = {name: tree_of(arg, hidden) for name, arg in zip(PARAMETERS, node.args, strict=False)}
    return _fill(node.component, filled, hidden)


def source_of(node: Node, hidden: frozenset[str] = frozenset()) -> str:
    """Return an expression as Python source. hidden: names that mean parameters where it will stand."""
    return ast.unparse(tree_of(node, hidden))


def program(node: Node, header: str, imports: Sequence[str] = ()) -> str:
    """Return a whole program: imports, carried code, helpers, then the function `header` that returns the expression.

    header: the first line of the function, such as "def solve(xs: list[int]) -> int:". imports: what it needs.
    """
    carried = list(dict.fromkeys(n.component.source for n in node.walk() if n.component and n.component.source))
    function = ast.parse(f"{header}\n    pass").body[0]
    hidden = {arg.arg for arg in ast.walk(function) if isinstance(arg, ast.arg)}
    body = f"{header}\n    return {source_of(node, frozenset(hidden))}\n"
    return assemble(body, [*imports, *carried])


def assemble(body: str, carried: Sequence[str]) -> str:
    """Put the imports and helpers that code uses in front of it, each once."""
    statements = [statement for source in carried for statement in ast.parse(source).body]
    texts = list(dict.fromkeys(map(ast.unparse, statements)))
    imports = [text for text in texts if text.startswith(("import ", "from "))]
    code = "\n\n\n".join([*(text for text in texts if text not in imports), body])
    code = "\n\n\n".join([*_needed(code), code])
    imports = sorted(dict.fromkeys([*imports, *_imports_of(code)]), key=lambda line: line.startswith("from "))
    return "\n".join(imports) + "\n\n\n" + code if imports else code


def _imports_of(code: str) -> Iterator[str]:
    """Yield the imports for the modules and the type names that code mentions."""
    yield from (f"import {module}" for module in (*MODULES, "builtins") if re.search(rf"\b{module}\.", code))
    typing = [name for name in ("Any", "Dict", "List", "Optional", "Set", "Tuple", "Union") if _mentions(code, name)]
    if typing:
        yield f"from typing import {', '.join(typing)}"


def _mentions(code: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){name}\b(?!\()", code) is not None


def _needed(code: str) -> list[str]:
    """Return the helpers that code calls, and those which they call, each once."""
    sources = helper_sources()
    found: dict[str, str] = {}
    waiting = [code]
    while waiting:
        text = waiting.pop()
        for name, source in sources.items():
            for called in (name, name + HELPER_SUFFIX):
                if called not in found and re.search(rf"\b{called}\(", text) and f"def {called}(" not in code:
                    found[called] = re.sub(rf"\b{name}\(", f"{called}(", source)
                    waiting.append(source)
    return list(found.values())
