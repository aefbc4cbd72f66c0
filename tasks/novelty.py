"""Known tasks, by words and by shape: what a proposal is compared with."""

import ast
import re
from collections.abc import Sequence
from typing import Final

from state.proposal import Draft
from state.syntax import parsed
from state.task import Task
from tasks.describe import described

SAME_WORDS: Final = 0.95
"""Jaccard similarity of two descriptions' words from which they say the same."""
Shape = tuple[str, ...]
"""The annotations of a function's parameters; "" where there is none."""


class Known:
    """Tasks that a proposal must not repeat."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._words = [(task["task_id"], _words(task["prompt"], task["entry_point"])) for task in tasks]
        self._shapes = [(task, shape_of(task["reference"] or "", task["entry_point"])) for task in tasks]

    def by_words(self, draft: Draft) -> str:
        """Return the id of a task that says the same in other order, or nearly so; "" for none."""
        mine = _words(draft["prompt"], draft["entry_point"])
        for task_id, theirs in self._words:
            if mine and len(mine & theirs) >= SAME_WORDS * len(mine | theirs):
                return task_id
        return ""

    def of_shape(self, draft: Draft) -> list[Task]:
        """Return the tasks with a reference that may be called as this one is."""
        mine = shape_of(draft["reference"], draft["entry_point"])
        return [task for task, theirs in self._shapes if mine and theirs and _fit(mine, theirs)]


def shape_of(source: str, entry_point: str) -> Shape:
    """Return the annotations of a function's parameters; () when there is no such function."""
    tree = parsed(source)
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            return tuple(ast.unparse(a.annotation).lower() if a.annotation else "" for a in node.args.args)
    return ()


def _fit(one: Shape, other: Shape) -> bool:
    return len(one) == len(other) and all(a == b or not a or not b for a, b in zip(one, other, strict=True))


def _words(prompt: str, entry_point: str) -> frozenset[str]:
    text = described(prompt, entry_point).partition(": ")[2]
    return frozenset(re.findall(r"[a-z]+|\d+", text.lower()))
