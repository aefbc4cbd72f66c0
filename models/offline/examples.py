"""Input and output pairs found in text: asserts, doctests, and the ways in which people write `f(x) -> y`."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from models.offline.literals import NotAValueError, fold, value_of
from models.offline.values import Value

MAX_EXAMPLES: Final = 12
_ARROW: Final = re.compile(
    r"\s*(?:==>|==|=+>|-+>|→|➞|⇒|➡|=|:|\breturns?\b|\bshould return\b|\bshould be\b|\bis\b|\bgives\b|\boutputs?\b)\s*"
)


@dataclass(frozen=True)
class Example:
    """Arguments of one call and what it must return."""

    args: tuple[Value, ...]
    expected: Value


def examples_in(text: str, name: str) -> list[Example]:
    """Return the examples that a text gives for a function, in order, each once; at most MAX_EXAMPLES."""
    found: dict[str, Example] = {}
    if not name:
        return []
    for example in _calls(text, name):
        found.setdefault(repr(example.args), example)
        if len(found) == MAX_EXAMPLES:
            break
    return list(found.values())


def _calls(text: str, name: str) -> Iterator[Example]:
    for match in re.finditer(rf"(?<![\w.]){re.escape(name)}\s*\(", text):
        if text[: match.start()].endswith("def "):
            continue
        end = closing(text, match.end() - 1)
        if end is None:
            continue
        args = _arguments(text[match.start() : end])
        expected = _expected(text[: match.start()], text[end:])
        if args is not None and expected is not None:
            yield Example(args, expected[0])


def closing(text: str, start: int) -> int | None:
    """Return the index after the bracket that closes the one at `start`, None when there is none."""
    depth, quote, index = 0, "", start
    while index < min(len(text), start + 5_000):
        c = text[index]
        if quote:
            if c == "\\":
                index += 1
            elif c == quote:
                quote = ""
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return index + 1
        index += 1
    return None


def _arguments(call: str) -> tuple[Value, ...] | None:
    try:
        tree = ast.parse(call.strip(), mode="eval").body
        if not isinstance(tree, ast.Call) or tree.keywords:
            return None
        return tuple(fold(arg) for arg in tree.args)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _expected(before: str, after: str) -> tuple[Value] | None:
    """Return what a call must return, as a tuple of one; None when the text does not say."""
    line = before.rpartition("\n")[2]
    rest, _, following = after.partition("\n")
    if ">>>" in line and not rest.strip():
        shown = following.split("\n", 1)[0].strip()
        if not shown:
            return (None,)
        return _leading_value(shown)
    if re.fullmatch(r"\s*assert not\s*", line) and not rest.strip():
        return (False,)
    if re.fullmatch(r"\s*assert\s*", line) and not rest.strip():
        return (True,)
    arrow = _ARROW.match(after) if not rest.strip() or _ARROW.match(rest) else None
    if arrow is None:
        return None
    return _leading_value(after[arrow.end() :])


def _leading_value(text: str) -> tuple[Value] | None:
    """Return the value with which a text begins; the whole line, or the longest part of it that is one."""
    if text[:1] in ("[", "(", "{"):
        end = closing(text, 0)
        if end is None:
            return None
        return _value(text[:end])
    line = text.split("\n", 1)[0].strip()
    for part in (line, re.split(r"\s+#|\s\(|;|\.\s|,\s|\.$", line)[0], line.split(" ", 1)[0].rstrip(".,;")):
        found = _value(part)
        if found is not None:
            return found
    return None


def _value(text: str) -> tuple[Value] | None:
    try:
        return (value_of(text),)
    except NotAValueError:
        return None
