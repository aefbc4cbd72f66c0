"""Python text that a task's author wrote: whether it parses, and which value it writes down."""

import ast

from state.errors import SetupError
from state.syntax import parsed

WORDS = {"true": True, "false": False, "null": None}  # values as prose and other languages write them


def require_python(code: str, field: str) -> str:
    """Return the code as it is; raises SetupError naming the field when it is not Python."""
    if parsed(code) is None:
        raise SetupError(f'"{field}" is not valid Python')
    return code


def expression(text: str) -> ast.expr | None:
    """Return the one expression that a text consists of, or None."""
    tree = parsed(text.strip())
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return None
    return tree.body[0].value


def is_literal(node: ast.expr) -> bool:
    """Tell whether `ast.literal_eval` can read the node."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def literal_text(value: object) -> str:
    """Write a JSON value as a Python literal.

    Raises SetupError for what has no literal: NaN, and nesting that Python's parser cannot read back.
    """
    try:
        text = repr(value)
        ast.literal_eval(text)
    except (ValueError, RecursionError, MemoryError, SyntaxError) as error:
        raise SetupError("a value has no Python literal (NaN, infinity or very deep nesting)") from error
    return text
