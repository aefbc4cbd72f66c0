"""What the nodes of the task-proposal graph share: references and mutants run in the sandbox, many in one go."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from runtime.context import Context
from sandbox.protocol import Job, Limits, Sandbox
from state.json_values import JsonObject
from state.proposal import SeriesRef
from state.task import Task, Test
from state.verdict import Verdict
from storage.contents import ContentStore
from tasks.proposal import task_of
from tasks.source import expression, is_literal

NO_ANSWER: Final = "'no program answers this: \\x00'"
MAX_ANSWER: Final = 150
"""Characters of an answer's repr."""
MAX_RESTARTS: Final = 8
CPU_S: Final = 2.0
"""Of one execution: a proposed reference is done in milliseconds."""
_MANY: Final = """
import copy
from ast import literal_eval

SOURCES = {sources!r}
INPUTS = [literal_eval(text) for text in {inputs!r}]
ANSWERS = [literal_eval(text) for text in {answers!r}]


def compare(number):
    source, entry_point = SOURCES[number]
    names = {{"__name__": "program"}}
    exec(source, names)
    return "".join(map(str, map(int, [agrees(names[entry_point], i, a) for i, a in zip(INPUTS, ANSWERS)])))


def agrees(function, arguments, answer):
    try:
        given = function(*copy.deepcopy(arguments))
        return type(given) is type(answer) and bool(given == answer)
    except Exception:
        return False
"""


@dataclass(frozen=True, kw_only=True)
class ProposalContext(Context):
    """The services of a series: a second sandbox, in which sets and dicts of strings have another order."""

    other_sandbox: Sandbox | None = None


@dataclass(frozen=True)
class Program:
    """A program and the function that is called."""

    source: str
    entry_point: str


def known_tasks(series: SeriesRef, admitted: str, context: Context) -> list[Task]:
    """Return the tasks that exist: those given at the start, then those admitted so far."""
    tasks = [context.tasks.get(address) for address in json.loads(context.contents.get(series["known"]))]
    return tasks + [task_of(line) for line in lines_at(admitted, context.contents)]


def lines_at(admitted: str, contents: ContentStore) -> list[JsonObject]:
    """Return the lines of the admitted tasks; admitted: the address of their list, "" for none."""
    addresses = json.loads(contents.get(admitted)) if admitted else []
    return [json.loads(contents.get(address)) for address in addresses]


def limits_of(context: Context) -> Limits:
    """Return what one execution may use."""
    settings = context.settings.sandbox
    return Limits(cpu_s=min(CPU_S, settings.cpu_s), wall_s=settings.wall_s, memory_mb=settings.memory_mb)


def answers_of(program: Program, inputs: Sequence[str], sandbox: Sandbox, limits: Limits) -> list[str] | str:
    """Return what a program gives for each input, as literals, or in a few words why it does not."""
    report = sandbox.run(
        Job(
            program=program.source,
            entry_point=program.entry_point,
            tests=[_call(args, NO_ANSWER) for args in inputs],
            trusted_tests=False,
        ),
        limits,
    )
    answers = []
    for verdict in report["verdicts"]:
        if verdict["status"] != "failed":
            return f"the reference ends in {verdict['error_type'] or verdict['status']}"
        if len(verdict["got"]) > MAX_ANSWER:
            return "an answer is too long"
        node = expression(verdict["got"])
        if node is None or not is_literal(node):
            return "an answer is no literal"
        answers.append(verdict["got"])
    return answers


def passing(
    programs: Sequence[Program], inputs: Sequence[str], answers: Sequence[str], sandbox: Sandbox, limits: Limits
) -> list[frozenset[int] | None]:
    """Return for each program the numbers of the inputs on which it gives these answers; None where it was ended.

    All run in one process, one after the other; after one that uses up the limits the rest begin anew. They are
    compared there, too: all that is at stake is whether a proposal is taken, by which a cheating program gains nothing.
    """
    found: list[frozenset[int] | None] = [None] * len(programs)
    start = 0
    for _ in range(MAX_RESTARTS):
        if start == len(programs):
            break
        verdicts = _compared(programs[start:], inputs, answers, sandbox, limits)
        for place, verdict in enumerate(verdicts, start=start):
            start = place + 1
            if verdict["status"] in ("timeout", "killed", "not_run"):
                break
            signs = verdict["got"].strip("'") if verdict["status"] == "failed" else ""
            found[place] = frozenset(number for number, sign in enumerate(signs) if sign == "1")
    return found


def _compared(
    programs: Sequence[Program], inputs: Sequence[str], answers: Sequence[str], sandbox: Sandbox, limits: Limits
) -> list[Verdict]:
    source = _MANY.format(sources=[(p.source, p.entry_point) for p in programs], inputs=inputs, answers=answers)
    tests = [_call(repr((number,)), NO_ANSWER) for number in range(len(programs))]
    job = Job(program=source, entry_point="compare", tests=tests, trusted_tests=False)
    return sandbox.run(job, limits)["verdicts"]


def _call(args: str, expected: str) -> Test:
    return {"kind": "call", "args": args, "expected": expected, "visible": True}
