"""Static measures of a program: it is parsed, never run."""

import ast
from collections.abc import Sequence
from functools import lru_cache

from state.review import CodeMetrics, Finding
from state.syntax import parsed

LARGEST_PROGRAM = 100_000  # characters; more is not parsed: a hostile source can exhaust the parser
MAX_FINDINGS = 20
BRANCHES = (ast.If, ast.For, ast.While, ast.ExceptHandler, ast.IfExp, ast.comprehension, ast.Assert, ast.match_case)
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.FunctionDef)
# A program that is asked to return a value has no business with these.
FORBIDDEN_CALLS = frozenset({"input", "print", "exit", "quit", "eval", "exec", "open", "breakpoint"})


@lru_cache(maxsize=128)  # review, reward and remember look at the same few texts; the trees are only read
def parse(code: str) -> ast.Module | None:
    """Return the syntax tree of a stranger's program, or None when it has none."""
    return parsed(code) if len(code) <= LARGEST_PROGRAM else None


@lru_cache(maxsize=128)  # one walk serves every measure and finding
def _nodes(code: str) -> tuple[ast.AST, ...]:
    tree = parse(code)
    return tuple(ast.walk(tree)) if tree else ()


def measure(code: str, entry_point: str) -> CodeMetrics:
    """Return the static measures of a program; zeros and ones when it does not parse."""
    lines = sum(1 for line in code.splitlines() if line.strip() and not line.strip().startswith("#"))
    functions = _functions(code)
    entry = next((f for f in functions if f.name == entry_point), None)
    return {
        "parses": parse(code) is not None,
        "lines": lines,
        "functions": len(functions),
        "longest_function": max(map(_length, functions), default=0),
        "complexity": max(map(_complexity, functions), default=1),
        "nesting": max(map(_nesting, functions), default=0),
        "documented": bool(entry and ast.get_docstring(entry)),
        "parameters": _parameters(entry) if entry else [],
        "defines_entry_point": entry is not None,
    }


def parameters_in(code: str, entry_point: str) -> list[str]:
    """Return the parameters of the entry point; [] when the text does not parse or does not define it."""
    entry = next((f for f in _functions(code) if f.name == entry_point), None)
    return _parameters(entry) if entry else []


def findings_in(code: str, entry_point: str) -> list[Finding]:
    """Return remarks on a program, by line: unused arguments, bare except, calls that do not belong, deep nesting."""
    if parse(code) is None:
        return [{"rule": "does not parse", "line": 0, "severity": "warning", "detail": "no valid Python"}]
    functions, nodes = _functions(code), _nodes(code)
    found = [*_unused_arguments(functions), *_bare_excepts(nodes), *_strange_calls(nodes)]
    found += _mutable_defaults(functions)
    if entry_point and all(f.name != entry_point for f in functions):
        detail = f"no function {entry_point}"
        found.append({"rule": "missing entry point", "line": 0, "severity": "warning", "detail": detail})
    return sorted(found, key=lambda f: (f["line"], f["rule"], f["detail"]))[:MAX_FINDINGS]


def _functions(code: str) -> list[ast.FunctionDef]:
    return [node for node in _nodes(code) if isinstance(node, ast.FunctionDef)]


def _length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _complexity(function: ast.FunctionDef) -> int:
    """McCabe's number: decisions + 1, each `and`/`or` operand counted (McCabe 1976)."""
    decisions = 0
    for node in ast.walk(function):
        if isinstance(node, BRANCHES):
            decisions += 1
        elif isinstance(node, ast.BoolOp):
            decisions += len(node.values) - 1
    return decisions + 1


def _nesting(function: ast.FunctionDef) -> int:
    deepest = 0
    stack = [(child, 0) for child in function.body]
    while stack:
        node, depth = stack.pop()
        depth += isinstance(node, BLOCKS)
        deepest = max(deepest, depth)
        stack.extend((child, depth) for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))
    return deepest


def _parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    return [a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]


def _finding(rule: str, node: ast.AST, detail: str) -> Finding:
    return {"rule": rule, "line": getattr(node, "lineno", 0), "severity": "warning", "detail": detail}


def _unused_arguments(functions: Sequence[ast.FunctionDef]) -> list[Finding]:
    found = []
    for function in functions:
        used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        unused = [name for name in _parameters(function) if name not in used and name not in ("self", "cls", "_")]
        found += [_finding("unused argument", function, f"{function.name} never uses {name}") for name in unused]
    return found


def _bare_excepts(nodes: Sequence[ast.AST]) -> list[Finding]:
    handlers = [node for node in nodes if isinstance(node, ast.ExceptHandler) and node.type is None]
    return [_finding("bare except", node, "hides every error") for node in handlers]


def _strange_calls(nodes: Sequence[ast.AST]) -> list[Finding]:
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    names = [(node, node.func.id) for node in calls if isinstance(node.func, ast.Name)]
    return [_finding("strange call", node, f"calls {name}()") for node, name in names if name in FORBIDDEN_CALLS]


def _mutable_defaults(functions: Sequence[ast.FunctionDef]) -> list[Finding]:
    found = []
    for function in functions:
        defaults = [d for d in [*function.args.defaults, *function.args.kw_defaults] if d is not None]
        if any(isinstance(d, ast.List | ast.Dict | ast.Set) for d in defaults):
            found.append(_finding("mutable default", function, f"{function.name} shares a default between calls"))
    return found
