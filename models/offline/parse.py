"""Messages read as a request: the task, its examples, memories, skills and feedback. Anything may be missing."""

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from models.offline.examples import Example, examples_in
from models.offline.fences import fenced, first_code, without_code

GIVEN: Final = "given by the task"
"""Stands for a memory's id where the task itself brings the function."""
MAX_TEXT: Final = 200_000
_SECTION: Final = re.compile(
    r"^## +(Task|Examples|Memories|Feedback|Skills|Program|Static findings)[ \t]*$", re.MULTILINE
)
_MEMORY: Final = re.compile(r"^### Memory (\S+)[ \t]*(?:\(([^)\n]*)\))?:?[ \t]*([^\n]*)", re.MULTILINE)
_ATTEMPT: Final = re.compile(r"^### Attempt \d+[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Signature:
    """How the function that is asked for is called."""

    name: str
    params: tuple[str, ...]
    header: str
    """First line of the function: "def solve(xs: list[int]) -> int:"."""
    annotations: tuple[str, ...] = ()
    """One per parameter; "" where there is none."""
    returns: str = ""


@dataclass(frozen=True)
class MemoryBlock:
    """A memory as the messages show it."""

    memory_id: str
    similarity: float
    text: str
    code: str


@dataclass(frozen=True)
class PastAttempt:
    """An earlier answer and what is said about it."""

    code: str
    outcome: str


@dataclass(frozen=True)
class Request:
    """All that the messages say."""

    signature: Signature | None
    text: str
    """The task's words: its prose and its docstring."""
    imports: tuple[str, ...]
    """Imports of the task's code that its signature needs."""
    examples: tuple[Example, ...]
    memories: tuple[MemoryBlock, ...] = ()
    skills: str = ""
    attempts: tuple[PastAttempt, ...] = ()
    program: str = ""
    """The program that is to be reviewed."""
    findings: tuple[str, ...] = ()
    """What a static analysis says of it, one line each."""

    def without_code(self) -> "Request":
        """Return the request without the memories' code."""
        return replace(self, memories=tuple(replace(memory, code="") for memory in self.memories))


def parse(system: str, human: str) -> Request:
    """Read a system and a human message."""
    sections = _sections(human[:MAX_TEXT])
    task = sections.get("Task", sections[""])
    code = "\n".join(block.code for block in fenced(task))
    found = re.search(r"^Entry point: `?([A-Za-z_]\w*)`?", task, re.MULTILINE)
    entry = found.group(1) if found else ""
    listed = sections.get("Examples", "")
    if "def " not in code and "def " in task:
        code = _bare_code(task)
    signature = _signature(code, entry) or _guessed(entry, listed)
    name = signature.name if signature else ""
    attempts = tuple(_attempts(sections.get("Feedback", "")))
    return Request(
        signature=signature,
        text=_words_of(task, name),
        imports=tuple(_imports(code, signature)),
        examples=_examples(listed, task, name),
        memories=(*_given_functions(code, name), *_memories(sections.get("Memories", ""))),
        skills=_sections(system[:MAX_TEXT]).get("Skills", ""),
        attempts=attempts,
        program=first_code(sections.get("Program", "")),
        findings=tuple(re.findall(r"^- (.+)$", sections.get("Static findings", ""), re.MULTILINE)),
    )


def _sections(text: str) -> dict[str, str]:
    """Split a message at its headings; headings inside fenced code do not count. What is before the first is ""."""
    blocks = fenced(text)
    starts = [block.start for block in blocks]

    def in_code(position: int) -> bool:
        before = bisect_right(starts, position)
        return before > 0 and position < blocks[before - 1].end

    heads = [match for match in _SECTION.finditer(text) if not in_code(match.start())]
    if not heads:
        return {"": text}
    parts = {"": text[: heads[0].start()]}
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = text[head.end() : following.start() if following else len(text)]
        parts[head.group(1)] = parts.get(head.group(1), "") + body.strip("\n") + "\n"
    return parts


def _bare_code(task: str) -> str:
    """Return the code of a task that has no fences: from its first import or function on."""
    start = re.search(r"^(?:from |import |def )", task, re.MULTILINE)
    entry = re.search(r"^Entry point: ", task, re.MULTILINE)
    return task[start.start() if start else 0 : entry.start() if entry else len(task)]


def _parsed(code: str) -> ast.Module | None:
    for attempt in (code, code.rstrip() + "\n    pass\n"):
        try:
            return ast.parse(attempt)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            continue
    return None


def _examples(listed: str, task: str, name: str) -> tuple[Example, ...]:
    """Return the listed examples, then those that only the text of the task has."""
    told = examples_in(task, name)
    examples = examples_in(listed, name) or told
    known = {repr(example.args) for example in examples}
    return (*examples, *(example for example in told if repr(example.args) not in known))


def _signature(code: str, entry: str) -> Signature | None:
    tree = _parsed(code)
    if tree is None:
        return _by_pattern(code, entry)
    node = _function(tree, entry)
    if node is None:
        return None
    args = [*node.args.posonlyargs, *node.args.args]
    returns = _written(node.returns)
    header = f"def {node.name}({ast.unparse(node.args)}){' -> ' + returns if returns else ''}:"
    annotations = tuple(_written(a.annotation) for a in args)
    return Signature(node.name, tuple(a.arg for a in args), header, annotations, returns)


def _function(tree: ast.Module, entry: str) -> ast.FunctionDef | None:
    """Return the last function of a name, or the last one of all."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return max(functions, key=lambda node: (node.name == entry, node.lineno), default=None)


def _written(annotation: ast.expr | None) -> str:
    return ast.unparse(annotation) if annotation else ""


def _imports(code: str, signature: Signature | None) -> Iterator[str]:
    """Yield the imports that bind a name of the signature's annotations."""
    tree = _parsed(code)
    header = signature.header if signature else ""
    for node in tree.body if tree else ():
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound = [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
            if any(re.search(rf"\b{re.escape(name)}\b", header) for name in bound):
                yield ast.unparse(node)


def _given_functions(code: str, entry: str) -> Iterator[MemoryBlock]:
    """Yield the functions that the task defines before the one it asks for, as if they were remembered."""
    tree = _parsed(code)
    given: list[ast.stmt] = []
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            return
        if isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom):
            given.append(node)
        if isinstance(node, ast.FunctionDef):
            source = "\n\n\n".join(map(ast.unparse, given))
            yield MemoryBlock(GIVEN, 1.0, ast.get_docstring(node) or "", source)


def _by_pattern(code: str, entry: str) -> Signature | None:
    """Find a signature in code that does not parse."""
    name = re.escape(entry) if entry else r"[A-Za-z_]\w*"
    found = re.search(rf"^def ({name})\(([^()]*)\)[^\n:]*:", code, re.MULTILINE)
    if not found:
        return None
    params = tuple(re.findall(r"(?:^|,)\s*([A-Za-z_]\w*)", found.group(2)))
    return Signature(found.group(1), params, f"def {found.group(1)}({', '.join(params)}):", ("",) * len(params))


def _guessed(entry: str, listed: str) -> Signature | None:
    """Make a signature from the examples: the name, and as many arguments as the first call has."""
    name = entry
    if not name:
        called = re.search(r"^assert (?:not )?([A-Za-z_]\w*)\(", listed, re.MULTILINE)
        name = called.group(1) if called else ""
    examples = examples_in(listed, name)
    if not examples:
        return None
    params = tuple("abcdefgh"[: len(examples[0].args)])
    if len(params) != len(examples[0].args):
        return None
    return Signature(name, params, f"def {name}({', '.join(params)}):", ("",) * len(params))


def _words_of(task: str, name: str) -> str:
    """Return the task's prose: without signatures, example lines and doctests."""
    kept = []
    for line in re.sub(r"^Entry point:.*$|^```.*$", "", task, flags=re.MULTILINE).splitlines():
        example = ">>>" in line or (name and re.search(rf"(?<!\w){re.escape(name)}\s*\(", line))
        if not example and not line.lstrip().startswith(("def ", "import ", "from ", "assert ")):
            kept.append(line)
    return f"{name.replace('_', ' ')}\n" + "\n".join(kept)


def _memories(section: str) -> list[MemoryBlock]:
    heads = list(_MEMORY.finditer(section))
    blocks = []
    for head, following in zip(heads, [*heads[1:], None], strict=True) if heads else ():
        body = section[head.end() : following.start() if following else len(section)]
        similarity = re.search(r"similarity ([\d.]+)", head.group(2) or "")
        text = (head.group(3) + "\n" + without_code(body)).strip()
        blocks.append(
            MemoryBlock(head.group(1), _number(similarity.group(1)) if similarity else 0.0, text, first_code(body))
        )
    return blocks


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _attempts(section: str) -> list[PastAttempt]:
    heads = list(_ATTEMPT.finditer(section))
    attempts = []
    for head, following in zip(heads, [*heads[1:], None], strict=True) if heads else ():
        body = section[head.end() : following.start() if following else len(section)]
        attempts.append(PastAttempt(first_code(body), without_code(body).strip()))
    return attempts


def human_text(contents: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Join messages given as (role, text) into one system and one human text."""
    system = "\n\n".join(text for role, text in contents if role == "system")
    human = "\n\n".join(text for role, text in contents if role == "human")
    return system, human
