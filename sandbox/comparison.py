"""When a result equals what was expected."""

import math

from sandbox.codec import Value

RELATIVE_TOLERANCE = 1e-6
MAX_REPR = 200


def same(got: Value, expected: Value) -> bool:
    """Compare by type and value; floats with a relative tolerance of 1e-6, an int with a float by value."""
    if type(got) in (int, float) and type(expected) in (int, float):
        return _same_number(got, expected)
    if type(got) is not type(expected):
        return False
    if type(got) in (list, tuple):
        return len(got) == len(expected) and all(map(same, got, expected))
    if type(got) is dict:
        return got.keys() == expected.keys() and all(same(got[key], expected[key]) for key in got)
    alike: bool = got == expected
    return alike


def same_output(got: str, expected: str) -> bool:
    """Compare what a script printed, without white space at the end of lines and of the whole."""
    return _trimmed(got) == _trimmed(expected)


def short(value: object) -> str:
    """Return the repr of a value, at most 200 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError, MemoryError):
        text = f"<{type(value).__name__} that is too large to show>"
    return text if len(text) <= MAX_REPR else text[: MAX_REPR - 1] + "…"


def _same_number(got: float, expected: float) -> bool:
    if type(got) is int and type(expected) is int:
        return got == expected
    if got == expected or (got != got and expected != expected):
        return True
    try:
        return math.isclose(got, expected, rel_tol=RELATIVE_TOLERANCE)
    except OverflowError:
        return False


def _trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]
