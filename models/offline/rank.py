"""Ranking of the programs that fit: few visible examples are fitted by many programs, most of them wrong."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from marshal import dumps
from typing import Final

from models.offline.expression import Node, source_of
from models.offline.problem import Problem
from models.offline.values import MISSING, in_order
from models.offline.words import stem

UNUSED_ARGUMENT: Final = 6.0
CONSTANT_RESULT: Final = 6.0
CONSTANT_LEAF: Final = 0.5
UNUSED_MEMORY: Final = 3.0
PROBE_ERROR: Final = 2.0
COVERAGE: Final = 5.0


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against a program besides the examples."""

    words: frozenset[str]
    """Stems of the task's words."""
    named: frozenset[str] = frozenset()
    """Ids of the memories that the task names."""
    probe_error: float = PROBE_ERROR
    changes: Mapping[str, int] = field(default_factory=dict)
    """What skills add to a component's cost, by name."""


def ranked(fits: Sequence[Node], problem: Problem, evidence: Evidence) -> list[Node]:
    """Return the fitting expressions, best first: cheap, total, using all arguments, explained by the task's words."""
    scored = [(penalty(node, problem, evidence), index, node) for index, node in enumerate(_distinct(fits))]
    scored.sort(key=lambda row: row[:2])
    return [node for _, _, node in scored]


def _names_in(leaf: ast.AST) -> Iterator[ast.Name]:
    return (node for node in ast.walk(leaf) if isinstance(node, ast.Name))


def penalty(node: Node, problem: Problem, evidence: Evidence) -> float:
    """Return how unlikely an expression is to be what was meant; lower is better."""
    parts = list(node.walk())
    components = [part.component for part in parts if part.component]
    names = {name.id for part in parts if part.leaf for name in _names_in(part.leaf)}
    return (
        node.cost
        + UNUSED_ARGUMENT * len(set(problem.params) - names)
        + CONSTANT_RESULT * _is_constant(node)
        + evidence.probe_error * node.misses
        + sum(evidence.changes.get(name, 0) for name in {component.name for component in components})
        + UNUSED_MEMORY * len(evidence.named - {component.memory for component in components})
        + CONSTANT_LEAF * sum(isinstance(part.leaf, ast.Constant) for part in parts)
        - COVERAGE * coverage(node, evidence.words)
    )


def _is_constant(node: Node) -> bool:
    values = [repr(in_order(value)) for value in node.values if value is not MISSING]
    return len(values) > 1 and len(set(values)) == 1


def coverage(node: Node, words: frozenset[str]) -> float:
    """Return the share of an expression's components that the task's words speak of, in [0, 1]."""
    parts = [n.component for n in node.walk() if n.component and n.component.words]
    if not parts:
        return 0.0
    explained = [part for part in parts if {stem(word) for word in part.words} & words]
    return len(explained) / len(parts)


def _distinct(fits: Sequence[Node]) -> list[Node]:
    """Drop expressions that print alike or agree with a cheaper one everywhere."""
    kept: dict[object, Node] = {}
    for node in sorted(fits, key=lambda n: n.cost):
        try:
            key: object = dumps(in_order([None if v is MISSING else v for v in node.values]), 2)
        except (ValueError, TypeError):
            key = source_of(node)
        kept.setdefault(key, node)
    return list(kept.values())
