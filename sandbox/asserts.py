"""Turn test code into code that records every assert instead of stopping at the first that fails.

`assert a == b, why` becomes

    with __ratchet__.check(4, False) as __ratchet_check__:
        __ratchet_check__.equal(a, b) or __ratchet_check__.say(why)

An assert in the body of a `try` with handlers keeps its power to raise: `try: f(); assert False` followed by
`except ValueError` is a way to expect an exception.
"""

import ast
import builtins
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

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
    free_names: frozenset[str]
    """Names it uses and never binds: imports and helpers it expects to find."""


@lru_cache(maxsize=256)
def compile_test(text: str) -> TestCode:
    """Compile test code. Raises SyntaxError (or ValueError, for NUL bytes)."""
    tree = ast.parse(text, "<test>")
    free = _free_names(tree)
    rewriter = _Rewriter()
    rewritten = ast.fix_missing_locations(rewriter.visit(tree))
    code = compile(rewritten, "<test>", "exec", dont_inherit=True)
    return TestCode(code=code, lines=tuple(rewriter.lines), free_names=free)


@lru_cache(maxsize=256)
def compile_setup(text: str) -> CodeType:
    """Compile the code of a task's author that test code may use. Raises SyntaxError or ValueError."""
    return compile(text, "<setup>", "exec", dont_inherit=True)


def _free_names(tree: ast.AST) -> frozenset[str]:
    loaded: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    return frozenset(loaded - bound - set(dir(builtins)))


class _Rewriter(ast.NodeTransformer):
    def __init__(self) -> None:
        self.lines: list[int] = []
        self._guarded = 0

    def visit_Try(self, node: ast.Try) -> ast.Try:
        self._guarded += bool(node.handlers)
        node.body = [self.visit(statement) for statement in node.body]
        self._guarded -= bool(node.handlers)
        node.handlers = [self.visit(handler) for handler in node.handlers]
        node.orelse = [self.visit(statement) for statement in node.orelse]
        node.finalbody = [self.visit(statement) for statement in node.finalbody]
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        self.lines.append(node.lineno)
        record = self._record(node.test)
        if node.msg is not None:
            record = ast.BoolOp(ast.Or(), [record, _method(_CHECK, "say", node.msg)])
        check = _method(RECORDER, "check", ast.Constant(len(self.lines) - 1), ast.Constant(self._guarded > 0))
        item = ast.withitem(check, ast.Name(_CHECK, ast.Store()))
        return ast.copy_location(ast.With([item], [ast.Expr(record)]), node)

    def _record(self, test: ast.expr) -> ast.expr:
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return _method(_CHECK, "true", test)
        sign = type(test.ops[0])
        if sign is ast.Eq:
            return _method(_CHECK, "equal", test.left, test.comparators[0])
        return _method(_CHECK, "compare", ast.Constant(_COMPARISONS[sign]), test.left, test.comparators[0])


def _method(owner: str, name: str, *arguments: ast.expr) -> ast.expr:
    function = ast.Attribute(ast.Name(owner, ast.Load()), name, ast.Load())
    return ast.Call(function, list(arguments), [])
