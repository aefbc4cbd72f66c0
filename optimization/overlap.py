"""Does a proposed prompt copy a training task's answer? Shared n-grams of tokens, blind to layout and to names.

Code and prompt are cut into words, numbers and operators; brackets of calls, commas, colons and quotes are dropped,
and every name that is not Python's own (keyword, builtin) or an attribute is replaced by one sign. So an answer stays
recognisable after reformatting, renaming, another quote style or a comment. What share of the answer's n-grams the
prompt holds is compared with a threshold. An answer rewritten in other constructs, or told in prose, is not
recognised.
"""

import ast
import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from state.syntax import parsed
from state.task import Task, Test

NGRAM = 6  # tokens
THRESHOLD = 0.5  # of an answer's n-grams; error rates at this value: docs/benchmarks.md#copied-answers
TELLING = 3  # tokens of an n-gram that are no replaced name: fewer are found in prose too
SHORTEST = 12  # tokens of an answer: a shorter one is an idiom that any prompt may hold
NAME = "·"
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d+)?|[-+*/%<>=!&|^~.\[\]{}@]")
_LITERAL = re.compile(r"[A-Za-z_]+|[0-9]+|[^\sA-Za-z0-9_]")
_OWN = frozenset(keyword.kwlist) | {name for name in dir(builtins) if name.islower()}


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A training task's answer found in a prompt."""

    task_id: str
    what: str
    """"reference", "solution" or "test"."""
    overlap: float
    """Share of the answer's n-grams that the prompt holds."""


class Answers(NamedTuple):
    """What of one task must not be copied, cut into pieces once."""

    task_id: str
    reference: frozenset[tuple[str, ...]]
    """N-grams; none where it is too short to tell."""
    tests: list[tuple[str, str]]
    """Arguments and expected value, as words and signs one space apart."""


def answers_of(task: Task) -> Answers:
    """Return what to look for: the reference (without signature and docstring, which the task shows) and the tests."""
    tests = [
        (_literal_tokens(given), _literal_tokens(expected))
        for test in task["tests"]
        for given, expected in _told_by(test)
    ]
    tellable = [
        (given, expected)
        for given, expected in tests
        if expected.strip() and len(given.split()) + len(expected.split()) >= SHORTEST // 2
    ]
    return Answers(task["task_id"], _wanted(task["reference"] or ""), tellable)


def copied_answers(
    prompt: str, answers: Iterable[Answers], solutions: Mapping[str, Sequence[str]] | None = None
) -> list[Copy]:
    """Return the answers that the prompt copies, by falling overlap; [] when it is clean.

    answers: of every task whose reference and tests (visible or hidden) are looked for. solutions: programs that
    solved a task, by task id.
    """
    grams = _grams(_tokens(prompt))
    words = _literal_tokens(prompt)
    seen = solutions or {}
    suspects = (
        one
        for one in answers
        if one.task_id in seen or not grams.isdisjoint(one.reference) or any(given in words for given, _ in one.tests)
    )
    found = [copy for one in suspects for copy in _copies(grams, words, one, seen.get(one.task_id, ()))]
    return sorted(found, key=lambda copy: (-copy.overlap, copy.task_id, copy.what))


def without_copies(
    lines: Sequence[str], known: Iterable[str], answers: Iterable[Answers], solutions: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the lines without those by which they copy an answer; the others mean the same without them.

    known: lines that stay, come what may. Of a copied answer the line that holds most of it goes first, the earliest
    of equals. What is copied by no single line is still there.
    """
    kept, fixed, by_task = list(lines), set(known), {one.task_id: one for one in answers}
    while copied := copied_answers("\n".join(kept), by_task.values(), solutions):
        task_id = copied[0].task_id
        wanted = by_task[task_id].reference.union(*map(_wanted, solutions.get(task_id, ())))
        held = {line: len(wanted & _grams(_tokens(line))) for line in kept if line not in fixed}
        most = max(held, key=held.__getitem__, default="")
        if not held.get(most):
            break
        kept.remove(most)
    return kept


def overlap_of(prompt: str, answer: str) -> float:
    """Return the share of an answer's n-grams that a prompt holds; 0.0 for an answer too short to tell."""
    return _share(_grams(_tokens(prompt)), answer)


def _copies(grams: set[tuple[str, ...]], words: str, answers: Answers, solutions: Sequence[str]) -> Iterator[Copy]:
    shares = {
        "reference": _shared(grams, answers.reference),
        "solution": max((_share(grams, code) for code in solutions), default=0.0),
        "test": float(any(_holds(words, given, expected) for given, expected in answers.tests)),
    }
    for what, share in shares.items():
        if share >= THRESHOLD:
            yield Copy(task_id=answers.task_id, what=what, overlap=share)


def _share(grams: set[tuple[str, ...]], answer: str) -> float:
    return _shared(grams, _wanted(answer))


def _shared(grams: set[tuple[str, ...]], wanted: frozenset[tuple[str, ...]]) -> float:
    return len(wanted & grams) / len(wanted) if wanted else 0.0


@lru_cache(maxsize=1024)  # the same solutions are looked for in every proposal
def _wanted(answer: str) -> frozenset[tuple[str, ...]]:
    tokens = _tokens(_bodies(answer))
    return frozenset(_grams(tokens)) if len(tokens) >= SHORTEST else frozenset()


def _bodies(code: str) -> str:
    """Return the code without signatures and docstrings; unchanged when it does not parse or nests too deeply."""
    tree = parsed(code)
    if tree is None:
        return code
    try:
        return "\n".join(_unparsed(tree.body))
    except (ValueError, RecursionError, MemoryError):  # a chain of some 300 operators is enough
        return code


def _unparsed(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _unparsed(node.body)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield ast.unparse(node)


def _tokens(text: str) -> list[str]:
    code = re.sub(r"(?m)#.*$", "", text)
    raw = ["", *_TOKEN.findall(code)]
    return [_shown(before, token) for before, token in pairwise(raw)]


def _shown(before: str, token: str) -> str:
    is_name = token[0].isalpha() or token[0] == "_"
    return NAME if is_name and before != "." and token not in _OWN else token


def _grams(tokens: Sequence[str]) -> set[tuple[str, ...]]:
    windows = (tuple(tokens[i : i + NGRAM]) for i in range(len(tokens) - NGRAM + 1))
    return {window for window in windows if sum(token not in (NAME, ".") for token in window) >= TELLING}


def _literal_tokens(text: str) -> str:
    """Return words, numbers and signs one space apart: names count here, since values are what is looked for."""
    return f" {' '.join(_LITERAL.findall(text.replace(chr(34), chr(39))))} "


def _holds(words: str, given: str, expected: str) -> bool:
    """Return whether arguments and expected value stand in the prompt, the one soon after the other."""
    start = words.find(given)
    while start >= 0:
        after = start + len(given) - 1
        if expected in words[after : after + 40 + len(expected)]:
            return True
        start = words.find(given, start + 1)
    return False


def _told_by(test: Test) -> list[tuple[str, str]]:
    if test["kind"] == "call":
        return [(test["args"].strip().removeprefix("(").removesuffix(")").strip().removesuffix(","), test["expected"])]
    if test["kind"] == "stdio":
        return [(test["stdin"], test["stdout"])]
    sides = re.findall(r"(?m)^\s*assert\s+\w+\((.*)\)\s*==\s*(.+?)\s*$", test["code"])
    return [(given, expected) for given, expected in sides]
