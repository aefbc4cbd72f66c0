"""What earlier attempts and their outcomes say: examples to add, behaviour to avoid, fragility to weigh."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from models.offline.catalog import helper_sources
from models.offline.examples import Example, examples_in
from models.offline.fuel import STEPS, Fuel, RefusedCodeError, checked, load
from models.offline.memories import copies
from models.offline.parse import Request
from models.offline.problem import Problem
from models.offline.values import MISSING, Value, same

_CRASH = re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b|\braised\b|\bexception\b")
_SLOW = re.compile(r"time ?out|timed out|too slow|time limit", re.IGNORECASE)


@dataclass
class Lessons:
    """What to do differently."""

    examples: list[Example] = field(default_factory=list)
    """Visible failures that the task's examples do not hold."""
    crashed: bool = False
    """An attempt raised: programs that fail on probes are worse than usual."""
    slow: bool = False
    """An attempt took too long."""
    behaviours: list[list[Value]] = field(default_factory=list)
    """Values of earlier attempts in every situation: what behaves alike fails alike."""

    def repeats(self, values: list[Value]) -> bool:
        """Tell whether an expression behaves like an earlier attempt in every situation."""
        return any(_alike(values, known) for known in self.behaviours)


def lessons_of(request: Request) -> Lessons:
    """Read the outcomes of the attempts in a request."""
    lessons = Lessons()
    known = {repr(example.args) for example in request.examples}
    name = request.signature.name if request.signature else ""
    for attempt in request.attempts:
        lessons.crashed |= bool(_CRASH.search(attempt.outcome))
        lessons.slow |= bool(_SLOW.search(attempt.outcome))
        lessons.examples += [e for e in examples_in(attempt.outcome, name) if repr(e.args) not in known]
    return lessons


def observe(lessons: Lessons, request: Request, problem: Problem) -> None:
    """Run earlier attempts on the problem's inputs, so that their behaviour is not offered again."""
    for attempt in request.attempts:
        values = behaviour(attempt.code, problem, request.signature.name if request.signature else "")
        if values is not None:
            lessons.behaviours.append(values)


def behaviour(code: str, problem: Problem, name: str) -> list[Value] | None:
    """Return what a program gives for every input of a problem, MISSING where it fails; None when it cannot be run."""
    return run_on(code, name, problem.inputs)


def run_on(
    code: str,
    name: str,
    inputs: Sequence[tuple[Value, ...]],
    failed: Callable[[tuple[Value, ...], Exception], None] = lambda _inputs, _error: None,
    *,
    steps: int = STEPS,
) -> list[Value] | None:
    """Return what a program gives for each input, MISSING where it fails; None when it cannot be run.

    failed: hears of every failure. steps: that it may take on each input.
    """
    fuel = Fuel()
    try:
        function = load(checked(code), fuel).get(name)
    except RefusedCodeError:
        return None
    if not callable(function) or name in helper_sources():
        return None
    values: list[Value] = []
    for given in inputs:
        fuel.left = steps
        try:
            values.append(function(*copies(given)))
        except Exception as error:  # noqa: BLE001 the attempt is a stranger's code
            failed(given, error)
            values.append(MISSING)
    return values


def _alike(values: list[Value], known: list[Value]) -> bool:
    return all(
        (a is MISSING and b is MISSING) or (a is not MISSING and b is not MISSING and same(a, b))
        for a, b in zip(values, known, strict=True)
    )
