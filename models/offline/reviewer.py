"""A review of a program: static findings, how it fares on probe inputs, whether other programs agree with it.

The score is a rule of thumb, no probability: `python -m benchmarks.reviewing` says how well it tells right from wrong.
"""

import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import mul
from typing import Final

from models.offline.bank import Budget
from models.offline.feedback import run_on
from models.offline.fuel import OutOfFuelError, RefusedCodeError
from models.offline.parse import Request
from models.offline.probes import probes
from models.offline.problem import Problem, problem_of
from models.offline.solve import programs_that_fit
from models.offline.values import MISSING, Value, Values, same
from state.json_values import JsonObject
from state.syntax import parsed

MORE_PROBES: Final = 12
"""Inputs on which the program alone is run, besides the problem's own."""
MAX_ALTERNATIVES: Final = 10
UNKNOWN: Final = 0.5
"""Score where nothing speaks for or against a program."""
CONSTANT: Final = 0.2
PER_FINDING: Final = 0.05
PER_PROBE: Final = 0.3
MAX_SHOWN: Final = 5
MAX_STEPS: Final = 30_000
"""On one input: more than a component may take, since programs are run one by one."""


@dataclass
class Found:
    """What a review came to."""

    score: float = UNKNOWN
    critique: str = ""
    findings: list[JsonObject] = field(default_factory=list)
    agreement: float | None = None
    """Of the other programs that fit the examples, with this one on the probes, in [0, 1]; None: there are none."""
    probes: int = 0
    alternatives: int = 0


def review_of(request: Request, purse: Budget, *, code: bool) -> Found:
    """Review the request's program. code: False does not run it, after it has ended a search process."""
    found = Found(findings=[_finding("static analysis", line) for line in request.findings])
    problem = problem_of(request)
    name = request.signature.name if request.signature else ""
    if not request.program or problem is None:
        found.critique = "I find no program, or no example to run it on: this is what a static analysis says."
    elif not code:
        found.critique = "The program ended the process it ran in."
        found.findings.append(_finding("crash", "it took down the process, or used up its limits"))
        found.score = 0.0
    else:
        _observe(found, request, problem, name, purse)
    found.score = round(max(0.0, found.score - PER_FINDING * len(request.findings)), 3)
    return found


def _observe(found: Found, request: Request, problem: Problem, name: str, purse: Budget) -> None:
    """Run the program on examples and probes, and hold it against what the search finds."""
    if parsed(request.program) is None:
        found.score, found.critique = 0.0, "It does not parse."
        return
    raised: list[tuple[tuple[Value, ...], Exception]] = []
    inputs = [*problem.inputs, *probes(problem.inputs[: problem.visible], MORE_PROBES)]
    values = run_on(request.program, name, inputs, lambda given, error: raised.append((given, error)), steps=MAX_STEPS)
    if values is None or any(_is_missing_here(error) for _, error in raised):
        found.critique = "I cannot run this program: it needs something that I do not have."
        return
    slow = [given for given, error in raised if isinstance(error, OutOfFuelError)]
    wrong = [*_wrong(problem, values[: problem.visible], name, slow)]
    found.probes = len(values) - problem.visible
    found.findings += wrong + _shown(name, raised)
    if wrong:
        found.score, found.critique = 0.0, f"It fails {len(wrong)} of {problem.visible} examples."
        return
    _compare(found, values, _others(request, problem, inputs, purse), problem.visible)


def _compare(found: Found, values: Values, others: Sequence[Values], visible: int) -> None:
    """Score a program that fits the examples by what other such programs give for the probes, and by its failures."""
    failing = sum(value is MISSING for value in values) / len(values)
    found.alternatives = len(others)
    found.agreement = _agreement([other[visible:] for other in others], values[visible:])
    constant = len(values) > 1 and all(_alike(value, values[0]) for value in values)
    if constant:
        found.findings.append(_finding("constant", "it gives the same for all inputs"))
    likely = UNKNOWN if found.agreement is None else (UNKNOWN + found.agreement) / 2
    found.score = max(0.0, likely - PER_PROBE * failing - CONSTANT * constant)
    found.critique = _in_words(found, failing)


def _in_words(found: Found, failing: float) -> str:
    said = [f"It fits the examples that it was run on, and fails on {failing:.0%} of the inputs that were tried."]
    if found.agreement is not None:
        said.append(f"{found.alternatives} programs that fit agree with it in {found.agreement:.0%} of the probes.")
    return " ".join(said)


def _is_missing_here(error: Exception) -> bool:
    """Tell whether a program failed for want of what is kept from it here."""
    return isinstance(error, RefusedCodeError) or (isinstance(error, NameError) and hasattr(builtins, error.name or ""))


def _wrong(problem: Problem, values: Values, name: str, slow: Sequence[tuple[Value, ...]]) -> Iterator[JsonObject]:
    """Yield a finding per example that fails; one that takes many steps may still come to its end elsewhere."""
    for given, value, expected in zip(problem.inputs, values, problem.outputs, strict=False):
        if given not in slow and (value is MISSING or not same(value, expected)):
            gives = "fails" if value is MISSING else f"gives {_short(value)}"
            yield _finding("example fails", f"{name}{_call(given)} {gives}, expected {_short(expected)}")


def _shown(name: str, raised: Sequence[tuple[tuple[Value, ...], Exception]]) -> list[JsonObject]:
    """Return one finding per kind of error."""
    kinds: dict[str, tuple[Value, ...]] = {}
    for given, error in raised:
        kind = "takes too many steps" if isinstance(error, OutOfFuelError) else f"raises {type(error).__name__}"
        kinds.setdefault(kind, given)
    return [_finding("probe error", f"{name}{_call(given)} {kind}") for kind, given in kinds.items()][:MAX_SHOWN]


def _others(request: Request, problem: Problem, inputs: Sequence[tuple[Value, ...]], purse: Budget) -> list[Values]:
    """Return what each of the best programs that fit the examples gives for the inputs."""
    name = request.signature.name if request.signature else ""
    programs = programs_that_fit(request, problem, purse, MAX_ALTERNATIVES)
    ran = [run_on(program, name, inputs) for program in programs]
    return [values for values in ran if values is not None]


def _agreement(others: Sequence[Values], probed: Values) -> float | None:
    """Return how many of the other programs' values on the probes are the program's own, in [0, 1].

    others: best first; the n-th counts 1 / n, since most of those that fit few examples are far-fetched.
    """
    weights = [1 / rank for rank in range(1, len(others) + 1)]
    shares = [sum(map(_alike, other, probed)) / max(1, len(probed)) for other in others]
    return round(sum(map(mul, weights, shares)) / sum(weights), 3) if others and probed else None


def _alike(a: Value, b: Value) -> bool:
    if a is MISSING or b is MISSING:
        return a is b
    return same(a, b)


def _finding(rule: str, detail: str) -> JsonObject:
    return {"line": 0, "severity": "warning", "rule": rule, "detail": detail[:300]}


def _call(given: tuple[Value, ...]) -> str:
    return f"({', '.join(map(_short, given))})"


def _short(value: Value) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError, MemoryError):  # a number of thousands of digits, a list in itself
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
