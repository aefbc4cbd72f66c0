"""What is wrong with a setting, in plain words."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runtime.origins import Origins
from state.json_values import JsonObject

# By pydantic's type of an error: what the setting has to be, from what the error holds.
WORDS: dict[str, Callable[[JsonObject], str]] = {
    "literal_error": lambda held: f"must be {held['expected']}",
    "greater_than": lambda held: f"must be more than {held['gt']}",
    "greater_than_equal": lambda held: f"must be at least {held['ge']}",
    "less_than": lambda held: f"must be less than {held['lt']}",
    "less_than_equal": lambda held: f"must be at most {held['le']}",
    "int_parsing": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "int_type": lambda _: "must be a whole number",
    "float_parsing": lambda _: "must be a number",
    "float_type": lambda _: "must be a number",
    "bool_parsing": lambda _: "must be true or false",
    "bool_type": lambda _: "must be true or false",
    "string_type": lambda _: "must be text",
    "list_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be a table",
    "model_type": lambda _: "must be a table",
    "missing": lambda _: "is missing",
}


def in_plain_words(error: ValidationError, known: Sequence[str], origins: Origins) -> str:
    """Return one sentence per mistake: the setting as its user wrote it, what it has to be, what it was.

    known: every setting, as dotted paths.
    """
    return "; ".join(dict.fromkeys(_sentence(one, known, origins) for one in error.errors()))


def _sentence(one: ErrorDetails, known: Sequence[str], origins: Origins) -> str:
    # an item of a list is named by the list; a key of a table by the table and its own name
    path = [str(part) for part in one["loc"] if not isinstance(part, int) and part != "[key]"]
    if one["type"] == "extra_forbidden":
        near = get_close_matches(".".join(path), known, n=1)
        return f"{origins.name(path)} is no setting" + (f", did you mean {near[0]}?" if near else "")
    words = WORDS.get(one["type"])
    wanted = words(one.get("ctx", {})) if words else one["msg"][:1].lower() + one["msg"][1:]
    if one["type"] == "missing":
        return f"{origins.name(path, missing=True)} {wanted}"
    return f"{origins.name(path)} {wanted}, not {one['input']!r}"
