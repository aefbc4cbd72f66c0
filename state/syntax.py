"""Parsing of Python text that others wrote: one lock for all threads of a process."""

import ast
import threading
import warnings

# Two reasons for the lock: CPython before 3.11.9 counts the depth of a tree per interpreter, so threads that parse at
# one time raise SystemError; and warning filters belong to the process, not to a thread.
_PARSING = threading.Lock()


def parsed(code: str) -> ast.Module | None:
    """Return the syntax tree, or None when it is not Python."""
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in somebody's text is not for our user's terminal
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
