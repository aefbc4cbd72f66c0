"""A task in words: what a memory of it is found by."""

import ast

from state.task import Task
from tasks.source import parsed

DESCRIPTION_CHARACTERS = 1_000


def description(task: Task) -> str:
    """Return the entry point's name and its docstring without the examples, or else the prompt."""
    tree = parsed(task["prompt"]) or parsed(task["prompt"] + "\n    pass\n")
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)] if tree else []
    entry = next((f for f in functions if f.name == task["entry_point"]), None)
    text = ast.get_docstring(entry) if entry else None
    words = (text or task["prompt"]).split(">>>")[0].strip()
    return f"{task['entry_point']}: {words}"[:DESCRIPTION_CHARACTERS]
