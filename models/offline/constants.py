"""Constants that a program may need: mined from the task's words and from its examples."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from models.offline.examples import Example
from models.offline.values import Value

_NUMBER_WORDS: Final = dict(
    zip(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        range(13),
        strict=True,
    )
) | {"hundred": 100, "thousand": 1000, "twice": 2, "double": 2, "triple": 3, "half": 2, "dozen": 12}
_CLOSING_WORDS: Final = dict.fromkeys(("parentheses", "brackets", "parenthesis"), ")")
_CHARACTER_WORDS: Final = {
    "space": " ", "spaces": " ", "comma": ",", "commas": ",", "hyphen": "-", "hyphens": "-", "dash": "-",
    "dashes": "-", "underscore": "_", "underscores": "_", "dot": ".", "dots": ".", "period": ".", "colon": ":",
    "semicolon": ";", "slash": "/", "newline": "\n", "plus": "+", "exclamation": "!", "asterisk": "*", "star": "*",
    "stars": "*", "hash": "#", "pipe": "|", "parentheses": "(", "brackets": "(",
}  # fmt: skip
_BY_OUTPUT: Final[dict[type, list[tuple[Value, int]]]] = {
    bool: [(True, 3), (False, 3)],
    float: [(0.5, 3), (3.141592653589793, 4), (100, 3)],
    type(None): [(None, 2)],
    list: [([], 3)],
}
MAX_CONSTANTS: Final = 24
MAX_WORD: Final = 20
"""Characters of a text that may be a constant."""


def constants(text: str, examples: Iterable[Example]) -> list[tuple[Value, int]]:
    """Return (value, cost) of the constants worth trying, cheapest first: 1 when the task names them, else more."""
    examples = list(examples)
    mined = [(value, 1) for value in _named(text)] + [(value, 2) for value in _shown(examples)]
    found: dict[str, tuple[Value, int]] = {}
    for value, cost in [*mined, *_usual(examples)]:
        found.setdefault(repr(value), (value, cost))
    return list(found.values())[:MAX_CONSTANTS]


def _usual(examples: Sequence[Example]) -> list[tuple[Value, int]]:
    """Return what programs for such values use anyway."""
    usual: list[tuple[Value, int]] = [(0, 2), (1, 2), (2, 2), (10, 3), (-1, 3)]
    if _holds(examples, str):
        usual += [(" ", 2), ("", 3)]
    for kind, values in _BY_OUTPUT.items():
        if any(isinstance(example.expected, kind) for example in examples):
            usual += values
    return usual


def _named(text: str) -> Iterator[Value]:
    """Yield what the words name: numbers, quoted texts, names of characters."""
    for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)", text):
        if len(number) <= 12:
            yield float(number) if "." in number else int(number)
    for quoted in re.findall(r"'([^'\n]{0,20})'|\"([^\"\n]{0,20})\"|`([^`\n]{1,20})`", text):
        yield from (part for part in quoted if part)
    for word in re.findall(r"[a-z]+", text.lower()):
        yield from (words[word] for words in (_NUMBER_WORDS, _CHARACTER_WORDS, _CLOSING_WORDS) if word in words)


def _shown(examples: Sequence[Example]) -> Iterator[Value]:
    """Yield what the examples show: field names of records, marks and new words of the outputs, marks of the inputs."""
    inputs = [arg for example in examples for arg in example.args]
    for arg in inputs:
        yield from _fields(arg)
    given = list(dict.fromkeys(text for arg in inputs for text in _texts(arg)))
    wanted = list(dict.fromkeys(text for example in examples for text in _texts(example.expected)))
    yield from _marks(wanted)
    yield from (text for text in wanted if text and len(text) <= MAX_WORD and not _within(text, given))
    yield from _marks(given)


def _marks(texts: Iterable[str]) -> dict[str, None]:
    """Return the characters that are neither letters nor digits, each once, in order."""
    return dict.fromkeys(c for text in texts for c in text if not c.isalnum())


def _within(text: str, others: Iterable[str]) -> bool:
    return any(text.lower() in other.lower() for other in others)


def _fields(value: Value) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (key for key in value if isinstance(key, str))
    if isinstance(value, list | tuple):
        for item in value[:3]:
            if isinstance(item, dict):
                yield from _fields(item)


def _texts(value: Value, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple) and depth < 3:
        for item in value[:20]:
            yield from _texts(item, depth + 1)
    elif isinstance(value, dict) and depth < 3:
        for item in list(value.values())[:20]:
            yield from _texts(item, depth + 1)


def _holds(examples: Sequence[Example], kind: type) -> bool:
    return any(isinstance(v, kind) or any(_texts(v)) for e in examples for v in (*e.args, e.expected))
