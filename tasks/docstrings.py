"""Find the examples that a docstring gives: doctests, "f(2) -> 4", "For n = 2 the output should be 4"."""

import ast
import builtins
import re
from collections.abc import Iterator, Sequence

from state.errors import SetupError
from state.task import Test
from tasks.source import WORDS, expression, is_literal

SEPARATOR = re.compile(
    r"\s*(?:#\s*)?(?:={1,3}>|-+>|==?|[➞→⇒]|(?:will |should |must )?(?:returns?|be|gives?|is|equals?)\b)\s*:?\s*"
)
NAMED = re.compile(
    r"\b(?:For|Input:)\s(?P<inputs>(?:(?!\b(?:For|Input:)\s).){1,600}?)"
    r"(?:\bthe (?:output|result) (?:should|will|must) be\b|\bOutput:)\s*",
    re.DOTALL,
)  # "For a = 1, b = 2 the result should be 3"; "Input: a = 1, b = 2", next line "Output: 3"
CONTINUES = re.compile(r"\s*[-+*/%^=<>]|\w")  # "19 - 5 = 14": what was read is not the whole value
OPERAND = re.compile(r"\S\s*[-+*/%]\s*$|\bnot\s*$")  # "1 + f(2) = 3" says nothing of f(2)
CLOSING = {"[": "]", "(": ")", "{": "}", "'": "'", '"': '"'}  # how a literal that starts so has to end
LONGEST = 2_000  # characters of a call or a value: a longer "example" is prose with an open bracket
LONGEST_VALUE_LINES = 12


def examples_of(header: ast.Module, entry_point: str) -> list[Test]:
    """Return the examples in the docstring of a function of this header, as visible tests, in order and each once.

    A call with literal arguments and a literal result becomes a "call" test, another expression an "assert". What
    does not parse, or uses names that the header does not define, is left out. Raises SetupError when the header
    does not define the function.
    """
    function = _function(header, entry_point)
    docstring = ast.get_docstring(function) or ""
    parameters = [arg.arg for arg in function.args.args]
    known = {*dir(builtins), *_defined(header)}
    found: list[Test] = []
    for call, value in (
        *_doctests(docstring, entry_point),
        *_inline(docstring, entry_point),
        *_named(docstring, entry_point, parameters),
    ):
        test = _test(call, value, entry_point)
        names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
        if names <= known and entry_point in names and test not in found:
            found.append(test)
    return found


def _function(header: ast.Module, name: str) -> ast.FunctionDef:
    for node in header.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise SetupError(f'"prompt" does not define the entry point {name!r}')


def _defined(header: ast.Module) -> Iterator[str]:
    for node in header.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)


def _doctests(docstring: str, entry_point: str) -> Iterator[tuple[ast.expr, ast.expr]]:
    lines = [line.strip() for line in docstring.splitlines()]
    for number, line in enumerate(lines):
        if not line.startswith(">>>"):
            continue
        code = [line.removeprefix(">>>")]
        while number + len(code) < len(lines) and lines[number + len(code)].startswith("..."):
            code.append(lines[number + len(code)].removeprefix("..."))
        call = expression("\n".join(code))
        wanted = _wanted(lines[number + len(code) :])
        value = _value("\n".join(wanted))
        if call is not None and not wanted:
            call, value = _sides(call)  # ">>> f(2) == 4" with no output below it means that it holds
        if call is not None and value is not None:
            yield call, value


def _sides(node: ast.expr) -> tuple[ast.expr, ast.expr | None]:
    """Split "f(2) == 4"; the second part is None when this is no such comparison."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
        return node.left, node.comparators[0] if is_literal(node.comparators[0]) else None
    return node, None


def _wanted(lines: list[str]) -> list[str]:
    """Return the output of a doctest: the lines before the next prompt or blank line."""
    for number, line in enumerate(lines):
        if not line or line.startswith(">>>"):
            return lines[:number]
    return lines


def _inline(docstring: str, entry_point: str) -> Iterator[tuple[ast.expr, ast.expr]]:
    for match in re.finditer(rf"(?<![\w.]){re.escape(entry_point)}\(", docstring):
        before = docstring[docstring.rfind("\n", 0, match.start()) + 1 : match.start()]
        if ">>>" in before or OPERAND.search(before):
            continue
        call, end = _call(docstring, match.start())
        separator = SEPARATOR.match(docstring, end)
        if call is None or separator is None:
            continue
        value = _value(docstring[separator.end() :])
        if value is not None:
            yield call, value


def _named(docstring: str, entry_point: str, parameters: list[str]) -> Iterator[tuple[ast.expr, ast.expr]]:
    for match in NAMED.finditer(docstring):
        lines = [re.sub(r"^(\w+)\s*:", r"\1 =", line.strip()) for line in match["inputs"].strip().splitlines()]
        call = expression(f"{entry_point}({', '.join(line.rstrip(',') for line in lines)})")
        value = _value(docstring[match.end() :])
        if not isinstance(call, ast.Call) or value is None:
            continue
        call = _positional(call, parameters)
        if len(call.args) == len(parameters) and all(is_literal(arg) for arg in call.args):
            yield call, value


def _call(text: str, start: int) -> tuple[ast.expr | None, int]:
    """Return the call that starts here, and where it ends: at the first bracket that makes it an expression."""
    for match in re.finditer(r"\)", text[start : start + LONGEST]):
        node = expression(text[start : start + match.end()])
        if node is not None:
            return node, start + match.end()
    return None, start


def _value(text: str) -> ast.expr | None:
    """Return the literal that a text starts with: the longest on its first line, or over as few lines as it needs."""
    lines = text.split("\n")
    for count in range(1, min(len(lines), LONGEST_VALUE_LINES) + 1):
        block = "\n".join(lines[:count])[:LONGEST]
        value = _longest_literal(block)
        if value is not None or not block.strip():
            return value
    return None


def _positional(call: ast.Call, parameters: list[str]) -> ast.Call:
    """Return a call with its arguments in order, where it names all of them in that order."""
    if call.args or [keyword.arg for keyword in call.keywords] != parameters:
        return call
    return ast.Call(call.func, [keyword.value for keyword in call.keywords], [])


def _ends(block: str) -> Sequence[int]:
    """Return where a literal at the beginning of a text may end: at a bracket like its own, else anywhere near."""
    closing = CLOSING.get(block.lstrip()[:1])
    if closing is None:
        return range(1, len(block[:80]) + 1)
    return [n for n, character in enumerate(block, 1) if character == closing]


def _longest_literal(block: str) -> ast.expr | None:
    word = re.match(r"(true|false|null)\b", block)
    if word:
        return ast.Constant(WORDS[word.group()])
    for end in reversed(_ends(block)):
        node = None if block[end - 1] == "." else expression(block[:end])  # a full stop, not a float
        if node is None or not is_literal(node):
            continue
        bare_tuple = isinstance(node, ast.Tuple) and not block.startswith("(")  # "4, because" is 4, not (4,)
        if not bare_tuple:
            return None if CONTINUES.match(block, end) else node
    return None


def _test(call: ast.expr, value: ast.expr, entry_point: str) -> Test:
    plain = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == entry_point
    if plain and isinstance(call, ast.Call) and not call.keywords and all(is_literal(a) for a in call.args):
        args = ast.unparse(ast.Tuple(call.args, ast.Load()))
        return {"kind": "call", "args": args, "expected": ast.unparse(value), "visible": True}
    return {"kind": "assert", "code": f"assert {ast.unparse(call)} == {ast.unparse(value)}", "visible": True}
