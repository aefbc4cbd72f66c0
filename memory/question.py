"""What a question is like: code, prose or a quotation. It decides which engines answer it and with what weight."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from memory.words import terms_of, words_of

Intent: TypeAlias = Literal["code", "prose", "phrase"]

_QUOTED = re.compile(r'"([^"\n]+)"|“([^”\n]+)”')
_CODE = re.compile(
    r"\bdef \w+\(|\b\w+_\w+\b|\b[a-z]+[A-Z]\w+\b|\w\(\)|[=!]=|>>>|"
    r"(?i:\b(?:write|create|implement|complete|fix)\b.{0,30}\b(?:function|method|program|code|script|class)\b)"
)


_PROGRAM = re.compile(
    r"^\s*(?:def|class|import|from|return|if|for|while|public|private|func|fn|const|let|var)\b", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart."""

    text: str
    terms: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]  # the words of every quotation
    intent: Intent


@lru_cache(maxsize=4096)
def question_of(text: str) -> Question:
    """Take a question apart."""
    if _CODE.search(text):  # quotation marks in a program are strings, not quotations
        return Question(text, tuple(terms_of(text)), (), "code")
    quotations = tuple(words for found in _QUOTED.findall(text) if len(words := tuple(words_of("".join(found)))) > 1)
    return Question(text, tuple(terms_of(text)), quotations, "phrase" if quotations else "prose")


def is_code(text: str) -> bool:
    """Tell whether a text looks like a program: two lines or more that begin as statements do, and brackets."""
    return "(" in text and len(_PROGRAM.findall(text)) > 1
