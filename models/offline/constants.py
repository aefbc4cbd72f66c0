"""Constants that a program may need: mined from the task's words and from its examples."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from models.offline.examples import Example

_NUMBER_WORDS: Final = dict(
    zip(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        range(13),
        strict=True,
    )
) | {"hundred": 100, "thousand": 1000, "twice": 2, "double": 2, "triple": 3, "half": 2, "dozen": 12}
_CHARACTER_WORDS: Final = {
    "space": " ", "spaces": " ", "comma": ",", "commas": ",", "hyphen": "-", "hyphens": "-", "dash": "-",
    "dashes": "-", "underscore": "_", "underscores": "_", "dot": ".", "dots": ".", "period": ".", "colon": ":",
    "semicolon": ";", "slash": "/", "newline": "\n", "plus": "+", "exclamation": "!", "asterisk": "*", "star": "*",
    "stars": "*", "hash": "#", "pipe": "|", "parentheses": "(", "brackets": "(",
}  # fmt: skip
MAX_CONSTANTS: Final = 24


def constants(text: str, examples: Iterable[Example]) -> list[tuple[Any, int]]:
    """Return (value, cost) of the constants worth trying, cheapest first: 1 when the task names them, else more."""
    named = list(_named(text))
    found: dict[str, tuple[Any, int]] = {}
    examples = list(examples)
    mined = [(value, 1) for value in named] + [(value, 2) for value in _shown(examples)]
    usual: list[tuple[Any, int]] = [(0, 2), (1, 2), (2, 2), (10, 3), (-1, 3)]
    if _holds(examples, str):
        usual += [(" ", 2), ("", 3)]
    if any(isinstance(e.expected, bool) for e in examples):
        usual += [(True, 3), (False, 3)]
    if any(isinstance(e.expected, float) for e in examples):
        usual += [(0.5, 3), (3.141592653589793, 4), (100, 3)]
    if any(e.expected is None for e in examples):
        usual.append((None, 2))
    if any(isinstance(e.expected, list) for e in examples):
        usual.append(([], 3))
    for value, cost in [*mined, *usual]:
        found.setdefault(repr(value), (value, cost))
    return list(found.values())[:MAX_CONSTANTS]


def _named(text: str) -> Iterator[Any]:
    """Yield what the words name: numbers, quoted texts, names of characters."""
    for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)", text):
        if len(number) <= 12:
            yield float(number) if "." in number else int(number)
    for quoted in re.findall(r"'([^'\n]{0,20})'|\"([^\"\n]{0,20})\"|`([^`\n]{1,20})`", text):
        yield from (part for part in quoted if part)
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in _NUMBER_WORDS:
            yield _NUMBER_WORDS[word]
        if word in _CHARACTER_WORDS:
            yield _CHARACTER_WORDS[word]
        if word in ("parentheses", "brackets", "parenthesis"):
            yield ")"


def _shown(examples: list[Example]) -> Iterator[Any]:
    """Yield what the examples show: punctuation and words of the outputs, field names of records."""
    for example in examples:
        for arg in example.args:
            yield from _fields(arg)
    texts = [text for e in examples for text in _texts(e.expected)]
    for text in texts:
        yield from (c for c in text if not c.isalnum())
    for text in dict.fromkeys(texts):
        inputs = {t for e in examples for arg in e.args for t in _texts(arg)}
        if text and len(text) <= 20 and not any(text.lower() in t.lower() for t in inputs):
            yield text
    separators = [c for e in examples for arg in e.args for t in _texts(arg) for c in t if not c.isalnum()]
    yield from dict.fromkeys(separators)


def _fields(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (key for key in value if isinstance(key, str))
    if isinstance(value, list | tuple):
        for item in value[:3]:
            if isinstance(item, dict):
                yield from _fields(item)


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple) and depth < 3:
        for item in value[:20]:
            yield from _texts(item, depth + 1)
    elif isinstance(value, dict) and depth < 3:
        for item in list(value.values())[:20]:
            yield from _texts(item, depth + 1)


def _holds(examples: list[Example], kind: type) -> bool:
    return any(isinstance(v, kind) or any(_texts(v)) for e in examples for v in (*e.args, e.expected))
