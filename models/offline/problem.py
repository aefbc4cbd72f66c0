"""A task in the search's terms: named arguments, their values in every situation, what must come out, constants."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.offline.constants import constants
from models.offline.examples import Example
from models.offline.expression import Node, leaf
from models.offline.parse import Request
from models.offline.probes import probes
from models.offline.values import Value


@dataclass(frozen=True)
class Problem:
    """What a search is for."""

    params: tuple[str, ...]
    inputs: tuple[tuple[Value, ...], ...]
    """Argument tuples: the visible examples, then the probes."""
    outputs: tuple[Value, ...]
    """Of the visible examples."""
    constants: tuple[tuple[Value, int], ...]
    """(value, cost)"""

    @property
    def visible(self) -> int:
        """Number of visible examples."""
        return len(self.outputs)

    def constant_leaves(self, situations: int) -> list[Node]:
        """Return a leaf per constant."""
        return [leaf(repr(value), [value] * situations, cost) for value, cost in self.constants]

    def argument_leaves(self) -> list[Node]:
        """Return a leaf per parameter."""
        columns = zip(*self.inputs, strict=True)
        return [leaf(name, list(column), 1) for name, column in zip(self.params, columns, strict=True)]


def problem_of(request: Request, more: Sequence[Example] = ()) -> Problem | None:
    """Turn a request into a problem; None when it has no signature or no example that fits it.

    more: examples from elsewhere, such as failures that feedback reports.
    """
    signature = request.signature
    if signature is None or not signature.params:
        return None
    examples = [e for e in (*request.examples, *more) if len(e.args) == len(signature.params)]
    return _problem(signature.params, examples, request.text) if examples else None


def _problem(params: tuple[str, ...], examples: Sequence[Example], text: str) -> Problem:
    inputs = [example.args for example in examples]
    return Problem(
        params=params,
        inputs=(*inputs, *probes(inputs)),
        outputs=tuple(example.expected for example in examples),
        constants=tuple(constants(text, examples)),
    )


@dataclass(frozen=True)
class Guarded:
    """A problem without its empty cases: one argument is empty, zero or None there, and the output always the same."""

    rest: Problem
    param: str
    otherwise: Value


def guarded(problem: Problem, text: str) -> Guarded | None:
    """Split the empty cases off a problem; None when there are none, or when nothing else is left."""
    inputs = problem.inputs[: problem.visible]
    for place, param in enumerate(problem.params):
        empty = [n for n, values in enumerate(inputs) if not values[place]]
        given = {repr(problem.outputs[n]) for n in empty}
        rest = [Example(inputs[n], problem.outputs[n]) for n in range(problem.visible) if n not in empty]
        if empty and rest and len(given) == 1:
            return Guarded(_problem(problem.params, rest, text), param, problem.outputs[empty[0]])
    return None
