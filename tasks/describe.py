"""A task in words: what a memory of it is found by."""

import ast
from functools import lru_cache

from state.syntax import parsed
from state.task import Task

DESCRIPTION_CHARACTERS = 1_000


def description(task: Task) -> str:
    """Return the entry point's name and its docstring without the examples, or else the prompt."""
    return described(task["prompt"], task["entry_point"])


def failure_description(task: Task, shape: str) -> str:
    """Return what the repair of a failure is found by: how tests failed, and what the task is."""
    return f"{shape}: {description(task)}"


@lru_cache(maxsize=1024)  # an episode asks when it retrieves and twice when it remembers
def described(prompt: str, entry_point: str) -> str:
    """Return the same of a prompt that is no task yet."""
    tree = parsed(prompt) or parsed(prompt + "\n    pass\n")
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)] if tree else []
    entry = next((f for f in functions if f.name == entry_point), None)
    text = ast.get_docstring(entry) if entry else None
    words = (text or prompt).split(">>>")[0].strip()
    return ": ".join(filter(None, (entry_point, words)))[:DESCRIPTION_CHARACTERS]
