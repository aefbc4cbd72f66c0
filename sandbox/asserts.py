"""Turn test code into code that records every assert instead of stopping at the first that fails.

`assert a == b, why` becomes

    with __ratchet__.check(4, False) as __ratchet_check__:
        __ratchet_check__.equal(a, b) or __ratchet_check__.say(why)

An assert in the body of a `try` with handlers keeps its power to raise: `try: f(); assert False` followed by
`except ValueError` is a way to expect an exception.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any, TypedDict

RECORDER = "__ratchet__"
_CHECK = "__ratchet_check__"
_COMPARISONS = {
    ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TestCode:
    """Compiled test code."""

    code: CodeType
    lines: tuple[int, ...]
    """Line of each assert, in the order of the text."""


@lru_cache(maxsize=256)
def compile_test(text: str) -> TestCode:
    """Compile test code. Raises SyntaxError (or ValueError, for NUL bytes)."""
    tree = ast.parse(text, "<test>")
    rewriter = _Rewriter()
    rewriter.rewrite(tree.body, guarded=False)
    code = compile(tree, "<test>", "exec", dont_inherit=True)
    return TestCode(code=code, lines=tuple(rewriter.lines))


@lru_cache(maxsize=256)
def compile_setup(text: str) -> CodeType:
    """Compile the code of a task's author that test code may use. Raises SyntaxError or ValueError."""
    return compile(text, "<setup>", "exec", dont_inherit=True)


class _Rewriter:
    """Goes through statements only (an expression holds no assert): six times faster than `ast.NodeTransformer`."""

    def __init__(self) -> None:
        self.lines: list[int] = []

    def rewrite(self, body: list[ast.stmt], *, guarded: bool) -> None:
        """Replace the asserts among these statements and inside them."""
        for place, node in enumerate(body):
            if isinstance(node, ast.Assert):
                body[place] = self._recording(node, guarded)
                continue
            self.rewrite(getattr(node, "body", []), guarded=guarded or bool(getattr(node, "handlers", ())))
            parts: Sequence[Any] = [*getattr(node, "handlers", ()), *getattr(node, "cases", ())]
            for others in (*(part.body for part in parts), getattr(node, "orelse", []), getattr(node, "finalbody", [])):
                self.rewrite(others, guarded=guarded)

    def _recording(self, node: ast.Assert, guarded: bool) -> ast.stmt:
        self.lines.append(node.lineno)
        place: _Place = {
            "lineno": node.lineno, "col_offset": node.col_offset,
            "end_lineno": node.end_lineno, "end_col_offset": node.end_col_offset,
        }  # fmt: skip
        record = _record(node.test, place)
        if node.msg is not None:
            record = ast.BoolOp(ast.Or(), [record, _method(place, _CHECK, "say", node.msg)], **place)
        number, stopping = ast.Constant(len(self.lines) - 1, **place), ast.Constant(guarded, **place)
        check = _method(place, RECORDER, "check", number, stopping)
        item = ast.withitem(check, ast.Name(_CHECK, ast.Store(), **place))
        return ast.With([item], [ast.Expr(record, **place)], **place)


class _Place(TypedDict):
    lineno: int
    col_offset: int
    end_lineno: int | None
    end_col_offset: int | None


def _record(test: ast.expr, place: _Place) -> ast.expr:
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return _method(place, _CHECK, "true", test)
    sign = type(test.ops[0])
    if sign is ast.Eq:
        return _method(place, _CHECK, "equal", test.left, test.comparators[0])
    text = ast.Constant(_COMPARISONS[sign], **place)
    return _method(place, _CHECK, "compare", text, test.left, test.comparators[0])


def _method(place: _Place, owner: str, name: str, *arguments: ast.expr) -> ast.expr:
    function = ast.Attribute(ast.Name(owner, ast.Load(), **place), name, ast.Load(), **place)
    return ast.Call(function, list(arguments), [], **place)
