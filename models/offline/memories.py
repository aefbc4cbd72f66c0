"""Retrieved code as components: whole functions that compose, and the conditions and bodies of their comprehensions."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from marshal import dumps, loads
from typing import Final

from models.offline.catalog import PARAMETERS, Component, helper_sources
from models.offline.expression import Node
from models.offline.fuel import STEPS, Fuel, RefusedCodeError, checked, load
from models.offline.parse import MemoryBlock
from models.offline.values import Value
from models.offline.words import stem, words_in

MAX_MEMORIES: Final = 12
MAX_CODE: Final = 20_000
NEAR: Final = 0.3
"""Similarity from which a memory's description counts."""
_TAGS: Final = (
    (r"(list|List|Sequence|Iterable|tuple|Tuple)\[int(, \.\.\.)?\]", "LI"),
    (r"(list|List|Sequence|Iterable|tuple|Tuple)\[(float|int \| float|float \| int)(, \.\.\.)?\]", "LN"),
    (r"(list|List|Sequence|Iterable|tuple|Tuple)\[str(, \.\.\.)?\]", "LS"),
    (r"(list|List|Sequence|Iterable)\[bool\]", "LB"),
    (r"(list|List|Sequence|Iterable)\[(dict|Dict)\b.*\]", "LD"),
    (r"(list|List|Sequence|Iterable)\[(list|List|tuple|Tuple)\b.*\]", "LL"),
    (r"(list|List)\b.*", "L"),
    (r"(tuple|Tuple)\b.*", "T"),
    (r"(dict|Dict)\b.*", "D"),
    (r"(set|Set)\b.*", "Z"),
    (r"int", "I"),
    (r"float|int \| float|float \| int", "N"),
    (r"str", "S"),
    (r"bool", "B"),
)
_ELEMENT_TAGS: Final = {"LI": "I", "LN": "N", "LS": "S", "LB": "B", "LD": "D", "LL": "Q", "S": "S"}


@dataclass
class Library:
    """What the memories of one request offer."""

    whole: list[Component] = field(default_factory=list)
    """One per function."""
    parts: list[Component] = field(default_factory=list)
    """Conditions and bodies out of their comprehensions."""
    refused: int = 0
    """Memories whose code is not run."""
    names: dict[str, str] = field(default_factory=dict)
    """Source by name of the functions that answers may carry."""


def tag_of(annotation: str) -> str:
    """Return the tag that an annotation asks for; X when it says nothing."""
    text = annotation.replace("typing.", "").strip("'\" ")
    return next((tag for pattern, tag in _TAGS if re.fullmatch(pattern, text)), "X")


def library(memories: Sequence[MemoryBlock], words: frozenset[str], taken: set[str]) -> Library:
    """Turn memories into components; those whose words the task uses are cheapest.

    taken: names that the answer uses otherwise (its entry point, its parameters).
    """
    shelf = Library()
    fuel = Fuel()
    for memory in memories[:MAX_MEMORIES]:
        if memory.code.strip():
            try:
                _add(shelf, memory, words, taken, fuel)
            except RefusedCodeError:
                shelf.refused += 1
    return shelf


@dataclass(frozen=True)
class _Module:
    """A memory's code, with names that clash with nothing."""

    memory: MemoryBlock
    functions: Sequence[ast.FunctionDef]
    source: str
    price: int

    @property
    def main(self) -> ast.FunctionDef:
        """The function that the memory is about: the last one."""
        return self.functions[-1]

    @property
    def words(self) -> frozenset[str]:
        """What the memory speaks of."""
        return frozenset(self.main.name.lower().split("_")) | frozenset(words_in(self.memory.text))


def _add(shelf: Library, memory: MemoryBlock, words: frozenset[str], taken: set[str], fuel: Fuel) -> None:
    module = _module(shelf, memory, words, taken)
    parts = [part for node in module.functions for part in parts_of(node)]
    extra = "\n".join(f"def part_{n}({part.parameters}): return {part.source}" for n, part in enumerate(parts))
    namespace = load(ast.parse(f"{module.source}\n{extra}"), fuel)
    shelf.names |= {node.name: ast.unparse(node) for node in module.functions}
    arguments = module.main.args
    if 1 <= len(arguments.args) <= len(PARAMETERS) and not arguments.vararg and not arguments.kwonlyargs:
        shelf.whole.append(_whole(module, metered(namespace[module.main.name], fuel)))
    for number, part in enumerate(parts):
        carried = bool(part.names & set(namespace) - set(PARAMETERS))
        shelf.parts.append(_component_of(part, module, metered(namespace[f"part_{number}"], fuel), carried=carried))


def _module(shelf: Library, memory: MemoryBlock, words: frozenset[str], taken: set[str]) -> _Module:
    if len(memory.code) > MAX_CODE:
        raise RefusedCodeError("too long")
    tree = checked(memory.code)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if not functions:
        raise RefusedCodeError("no function")
    price = _price(memory, functions[-1].name, words)
    renames = {f.name: _free_name(f.name, ast.unparse(f), shelf, taken, memory) for f in functions}
    tree = ast.parse(ast.unparse(_Rename(renames).visit(tree)))
    source = "\n\n\n".join(ast.unparse(node) for node in tree.body if not isinstance(node, ast.Expr))
    return _Module(memory, [node for node in tree.body if isinstance(node, ast.FunctionDef)], source, price)


def _whole(module: _Module, function: Callable[..., list[Value]]) -> Component:
    tags = _parameter_tags(module.main)
    return Component(
        name=module.main.name,
        patterns=tuple(tags.values()),
        cost=module.price,
        function=function,
        template=ast.parse(f"{module.main.name}({', '.join(PARAMETERS[: len(tags)])})", mode="eval").body,
        words=module.words,
        memory=module.memory.memory_id,
        source=module.source,
    )


def _component_of(part: "Part", module: _Module, function: Callable[..., list[Value]], *, carried: bool) -> Component:
    return Component(
        name=f"part of {module.main.name}: {part.source}",
        patterns=part.patterns,
        cost=module.price,
        function=function,
        template=ast.parse(part.source, mode="eval").body,
        words=module.words,
        memory=module.memory.memory_id,
        source=module.source if carried else "",
    )


def _free_name(name: str, source: str, shelf: Library, taken: set[str], memory: MemoryBlock) -> str:
    """Keep a function's name unless it means something else already."""
    if helper_sources().get(name) == source:
        return name
    if name not in taken and shelf.names.get(name, source) == source and name not in helper_sources():
        return name
    suffix = re.sub(r"\W", "", memory.memory_id)[:8] or "known"
    return f"{name}_{suffix}"


def renamed(body: ast.expr, names: Mapping[str, str]) -> ast.AST:
    """Return a copy of an expression with other names."""
    tree: ast.AST = _Rename(names).visit(ast.parse(ast.unparse(body), mode="eval"))
    return tree


class _Rename(ast.NodeTransformer):
    """Gives functions and names other names."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name)
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def _price(memory: MemoryBlock, name: str, words: frozenset[str]) -> int:
    """Return a cost from 1 (the task names it) to 5 (unrelated)."""
    own = {stem(word) for word in name.lower().split("_") if word}
    if own and own <= words:
        return 1
    if own & words:
        return 2
    if set(words_in(memory.text)) & words and memory.similarity >= NEAR:
        return 3
    return 4 if memory.similarity >= NEAR else 5


def metered(function: Callable[..., Value], fuel: Fuel) -> Callable[..., list[Value]]:
    """Return a component function that calls code with fresh fuel and copies of its arguments."""

    def evaluate(*nodes: Node) -> list[Value]:
        results = []
        for values in zip(*(node.values for node in nodes), strict=True):
            fuel.left = STEPS
            results.append(function(*copies(values)))
        return results

    return evaluate


def copies(values: tuple[Value, ...]) -> Value:
    """Copy arguments, which code may change; marshal is ten times as fast as copy.deepcopy."""
    return loads(dumps(values, 2))  # noqa: S302 made in this line


def _parameter_tags(function: ast.FunctionDef) -> dict[str, str]:
    return {a.arg: tag_of(ast.unparse(a.annotation)) if a.annotation else "X" for a in function.args.args}


@dataclass(frozen=True)
class Part:
    """The condition or the body of a comprehension, as an expression over a, b, c."""

    source: str
    patterns: tuple[str, ...]
    names: frozenset[str]

    @property
    def parameters(self) -> str:
        """The parameters of the function that computes it."""
        return ", ".join(PARAMETERS[: len(self.patterns)])


def parts_of(function: ast.FunctionDef) -> Iterator[Part]:
    """Yield the conditions and bodies of a function's comprehensions, sort keys included."""
    params = _parameter_tags(function)
    for inner in ast.walk(function):
        if isinstance(inner, ast.ListComp | ast.GeneratorExp | ast.SetComp) and len(inner.generators) == 1:
            loop = inner.generators[0]
            element = _ELEMENT_TAGS.get(params.get(ast.unparse(loop.iter), ""), "X")
            bodies = [inner.elt, *loop.ifs] if isinstance(loop.target, ast.Name) else []
            scope = {ast.unparse(loop.target): element}
        elif isinstance(inner, ast.Lambda) and len(inner.args.args) == 1:
            bodies, scope = [inner.body], {inner.args.args[0].arg: "X"}
        else:
            continue
        found = (_part(body, {**params, **scope}, next(iter(scope))) for body in bodies)
        yield from (part for part in found if part)


def _names_in(body: ast.expr) -> tuple[frozenset[str], set[str]]:
    """Return all names in an expression, and those that it binds itself."""
    variables = [node for node in ast.walk(body) if isinstance(node, ast.Name)]
    return frozenset(node.id for node in variables), {node.id for node in variables if isinstance(node.ctx, ast.Store)}


def _part(body: ast.expr, scope: dict[str, str], variable: str) -> Part | None:
    names, bound = _names_in(body)
    used = [variable, *(name for name in scope if name in names - {variable})]
    if isinstance(body, ast.Name | ast.Constant) or variable not in names:
        return None  # it says nothing about the element
    if len(used) > len(PARAMETERS) or bound & {*scope, *PARAMETERS}:
        return None
    shown = renamed(body, dict(zip(used, PARAMETERS, strict=False)))
    return Part(ast.unparse(shown), tuple(scope[name] for name in used), names)
