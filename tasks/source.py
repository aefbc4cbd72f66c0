"""Python text that a task's author wrote: whether it parses, and which value it writes down."""

import ast
import threading
import warnings

from state.errors import SetupError

WORDS = {"true": True, "false": False, "null": None}  # values as prose and other languages write them


# CPython before 3.11.9 counts the depth of a tree per interpreter: threads that parse at one time raise SystemError
_PARSING = threading.Lock()


def parsed(code: str) -> ast.Module | None:
    """Return the syntax tree, or None when it is not Python."""
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an author's "\d" is the author's affair
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


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
