"""New tasks: components, and functions that memory holds, in a row. The reference is right by construction.

A task keeps some things, changes each, and sums them up; two or three of these. A function out of a memory may take the
place of the first stages. The examples' inputs are drawn so that a filter keeps some things and drops some.
"""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

from models.offline.bank import Budget
from models.offline.catalog import Component, components
from models.offline.expression import Node, leaf, program
from models.offline.forms import FORMS, Form, Pool
from models.offline.memories import library
from models.offline.parse import Request
from models.offline.tables.phrases import PHRASES
from models.offline.values import Value, Values, kind_of

MAX_DRAWS: Final = 400
DRAWN_INPUTS: Final = 60
INPUTS: Final = 20
MAX_ANSWER: Final = 150
"""Characters of an answer's text."""
MEMORY_SHARE: Final = 0.6
"""Of the proposals that begin with a function of a memory, where there is one that fits."""
PLAIN_SHARE: Final = 0.7
"""Of the stages that must consist of one component."""
PLANS: Final = (("keep", "change"), ("keep", "sum"), ("change", "sum")) * 2 + (("keep", "change", "sum"),)
VARIABLE: Final = "x"
_KNOWN: Final = re.compile(r"^- ([A-Za-z_]\w*)[ \t]*$", re.MULTILINE)
_FAILURES: Final = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
_WORDS: Final = """
noon level radar civic kayak refer lamp rivers stone cats maps letter bridge clouds planet doors carrot hills boots
king nests window garden silver market orange winter bottle puzzle travel silent basket candle island pepper rocket
tree milk bread house chair green plane table field horse grape lemon sun box key pen cup hat fog ant owl eagle erase
banana committee success coffee balloon kitten summer mirror noodle apple cherry street school
"""
_THINGS: Final = {"int": ("numbers", "number"), "str": ("words", "word")}


@dataclass(frozen=True)
class Stage:
    """One line of the table."""

    kind: str
    """keep, change, sum"""
    element: str
    names: tuple[str, ...]
    """Components, the innermost first."""
    phrase: str
    constants: tuple[int | str, ...]


@cache
def stages_of(kind: str, element: str) -> tuple[Stage, ...]:
    """Return the stages of a kind for things of a type."""
    return tuple(stage for stage in _table() if (stage.kind, stage.element) == (kind, element))


@cache
def _table() -> tuple[Stage, ...]:
    rows = []
    for line in PHRASES.strip().splitlines():
        kind, element, names, phrase, *constants = (cell.strip() for cell in line.split(" | "))
        rows.append(Stage(kind, element, tuple(names.split()), phrase, _constants(constants)))
    return tuple(rows)


def _constants(cells: Sequence[str]) -> tuple[int | str, ...]:
    if not cells:
        return ()
    low, dots, high = cells[0].partition("..")
    return tuple(range(int(low), int(high) + 1)) if dots else tuple(cells[0].split())


@dataclass
class Draft:
    """A task in the making: the expression so far and what has been said of it."""

    param: str
    inputs: list[Value]
    node: Node
    names: list[str]
    sentences: list[str]


def proposal(request: Request, human: str, purse: Budget) -> str:
    """Return a task as JSON; "" when no draw within the budget gives one. Equal messages give equal tasks."""
    random = Random(f"propose:{human}".encode("utf-8", "surrogatepass"))
    known = set(_KNOWN.findall(human))
    shelf = library(request.memories, frozenset(), set())
    texts = {memory.memory_id: memory.text for memory in request.memories}
    for _ in range(MAX_DRAWS):
        if purse.left <= 0 or purse.stopped:
            return ""
        purse.spent += 1
        try:
            draft = _drawn(random, shelf.whole, texts)
        except _FAILURES:
            continue
        if draft is None or "_".join(draft.names) in known:
            continue
        kept = _telling(draft.node.values)
        if kept:
            return _json(draft, kept)
    return ""


def _telling(values: Values) -> list[int]:
    """Return the places of the answers to keep; [] where too few are plain, or too many of them the same."""
    kept = [index for index, value in enumerate(values) if _is_plain(value)]
    answers = {repr(values[index]) for index in kept}
    return kept[:INPUTS] if len(kept) >= INPUTS and len(answers) > INPUTS // 3 else []


def _is_plain(value: Value) -> bool:
    """Tell whether an answer is short and neither empty nor missing."""
    text = repr(value)
    return len(text) <= MAX_ANSWER and value not in ("", [], None) and "object at" not in text


def _drawn(random: Random, functions: Sequence[Component], texts: Mapping[str, str]) -> Draft | None:
    element = random.choice(("int", "str"))
    things, _ = _THINGS[element]
    inputs = [_things(random, element) for _ in range(DRAWN_INPUTS)]
    draft = Draft(things, inputs, leaf(things, inputs, 1), [], [])
    plan = list(random.choice(PLANS))
    fitting = [c for c in functions if c.patterns in (("LI",) if element == "int" else ("LS",), ("L",))]
    if fitting and random.random() < MEMORY_SHARE:
        _use_memory(draft, random.choice(fitting), texts)
        plan = plan[1:]
    for kind in plan:
        if not draft.node.values or kind_of(draft.node.values)[0] not in ("list[int]", "list[str]"):
            return None  # nothing more can be done to what a memory's function gives
        _extend(draft, kind, random)
    return draft


def _things(random: Random, element: str) -> list[Value]:
    count = random.randint(5, 8)
    if element == "int":
        return [random.randint(*random.choice(((2, 99), (2, 40), (100, 300)))) for _ in range(count)]
    return [random.choice(_WORDS.split()) for _ in range(count)]


def _use_memory(draft: Draft, function: Component, texts: Mapping[str, str]) -> None:
    values = function.function(draft.node)
    draft.node = Node(values, cost=2, component=function, args=(draft.node,))
    draft.names.append(function.name)
    draft.sentences.append(_sentence_of(function, texts))


def _sentence_of(function: Component, texts: Mapping[str, str]) -> str:
    text = texts.get(function.memory, "")
    said = re.sub(r"^\w+: ", "", " ".join(text.split()))
    first = re.split(r"(?<=[.;])\s", said)[0].rstrip(".;")
    aside = f" ({first[:1].lower()}{first[1:]})" if first else ""
    return f"Do what `{function.name}` does{aside}"


def _extend(draft: Draft, kind: str, random: Random) -> None:
    element = kind_of(draft.node.values)[0].removeprefix("list[").rstrip("]")
    plain = [stage for stage in stages_of(kind, element) if len(stage.names) == 1]
    stage = random.choice(plain if random.random() < PLAIN_SHARE else stages_of(kind, element))
    constant = random.choice(stage.constants) if stage.constants else None
    phrase = stage.phrase.format(c=constant)
    of_constant = "" if constant is None else re.sub(r"\W", "", str(constant))
    draft.names += filter(None, [*stage.names, of_constant])
    if kind == "sum":
        draft.node = _applied(stage, draft.node, constant)
        draft.sentences.append(f"Return {phrase}")
    else:
        _extend_each(draft, kind, element, (stage, constant, phrase))


def _extend_each(draft: Draft, kind: str, element: str, step: tuple[Stage, Value, str]) -> None:
    """Add a step that is taken for each element: one that keeps some of them, or one that changes them."""
    stage, constant, phrase = step
    pool = Pool.of(draft.node.values, len(draft.node.values))
    body = _applied(stage, leaf(VARIABLE, pool.elements, 1), constant)
    form = _form("filter" if kind == "keep" else "map")
    if kind == "keep":
        _narrow(draft, pool, body.values)
        pool = Pool.of(draft.node.values, len(draft.node.values))
        body = _applied(stage, leaf(VARIABLE, pool.elements, 1), constant)
    values = pool.gather(form, body.values, len(draft.node.values))
    if values is None:
        raise ValueError("the form fails")
    draft.node = Node(values, cost=2, component=form.component(VARIABLE), args=(draft.node, body))
    things = _THINGS[element][0] if len(draft.sentences) == 0 else "ones"
    draft.sentences.append(f"Keep only the {things} that {phrase}" if kind == "keep" else phrase)


def _narrow(draft: Draft, pool: Pool, wanted: Values) -> None:
    """Leave only the inputs of which a filter keeps at least two things and drops at least one."""
    counts = [(sum(map(bool, wanted[i:j])), j - i) for i, j in pool.bounds]
    chosen = [index for index, (kept, all_) in enumerate(counts) if 2 <= kept < all_]
    draft.inputs = [draft.inputs[index] for index in chosen]
    draft.node = _restricted(draft.node, chosen)


def _restricted(node: Node, chosen: Sequence[int]) -> Node:
    """Return an expression with the values of some situations alone; its arguments keep all: they are only printed."""
    values = [node.values[index] for index in chosen]
    restricted = Node(values, cost=node.cost, component=node.component, args=node.args)
    restricted.leaf = node.leaf
    return restricted


def _applied(stage: Stage, node: Node, constant: int | str | None) -> Node:
    for name in stage.names:
        component = _by_name()[name]
        args = [node]
        if len(component.patterns) == 2:
            if constant is None:
                raise ValueError("no constant")
            args.append(leaf(repr(constant), [constant] * len(node.values), 1))
        node = Node(component.function(*args), cost=2, component=component, args=tuple(args))
    return node


@cache
def _by_name() -> dict[str, Component]:
    return {component.name: component for component in components()}


@cache
def _form(name: str) -> Form:
    return next(form for form in FORMS if form.name == name)


def _json(draft: Draft, kept: Sequence[int]) -> str:
    element = "int" if draft.param == "numbers" else "str"
    name = "_".join(draft.names)
    answer = _annotation(kind_of(draft.node.values)[0])
    header = f"def {name}({draft.param}: list[{element}]) -> {answer}:"
    words = [*draft.sentences[:-1], _last(draft.sentences[-1])]
    remark = " At least two are kept." if any(s.startswith("Keep") for s in words) else ""
    reference = program(draft.node, header)
    task = {
        "prompt": f'{header}\n    """{". ".join(words)}.{remark}"""\n',
        "entry_point": name,
        "reference": reference,
        "inputs": list(dict.fromkeys(repr((draft.inputs[index],)) for index in kept)),
    }
    ast.parse(reference)
    return json.dumps(task, ensure_ascii=False, indent=1)


def _last(sentence: str) -> str:
    return sentence if sentence.startswith("Return") else f"{sentence} and return the results in order"


def _annotation(kind: str) -> str:
    return "float" if kind == "num" else kind.replace("[num]", "[float]").replace("[any]", "")
