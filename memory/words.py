"""From text to index terms: words, split identifiers, stems, without stop words."""

import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache

from memory.stemmer import stem
from state.json_values import JsonMapping
from storage.contents import FORGOTTEN

# Question words are noise too: "what did she say about" asks, the rest of the question tells.
# Worth +6 points of recall@10 on questions about dialogues (docs/memory.md#terms).
_STOP_TEXT = """
a about above after again all also am an and any are as at be because been before being below between both but
by can could d did do does doing don down during each few for from further had has have having he her here
hers him his how i if in into is it its just ll m me more most my no nor not now of off on once only or other
our out over own re s same she should so some such t than that the their them then there these they this those
through to too under until up ve very was we were what when where which while who whom whose why will with
would you your yours
"""
STOP_WORDS = frozenset(_STOP_TEXT.split())

_SPEAKERS = ("speaker", "name", "actor_id", "role")  # attributes that say who said it, the best first
_MOMENTS = ("timestamp", "date", "session_date", "time")  # and when
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def terms_of(text: str) -> list[str]:
    """Return the index terms of a text in order: lower case, stemmed, identifiers split, stop words left out.

    `minCost`, `min_cost` and "min cost" give the same terms. Text without spaces (Chinese, Japanese, Korean) gives
    pairs of neighbouring characters.
    """
    return [term for word in _WORD.findall(text) for term in _terms_of_word(word)]


def words_of(text: str) -> list[str]:
    """Return the lower-case words of a text in order, stop words included: what a quoted phrase is made of."""
    return [word.lower() for word in _WORD.findall(text)]


def indexed_text(text: str, entry_point: str, attributes: JsonMapping) -> str:
    """Return what a record is found by: its text, its function's name, who said it and on which day.

    A date in words is worth +1.5 points of recall@10 on dialogues, the speaker's name +1 to +3 (docs/memory.md#terms).
    """
    extra = [] if not entry_point or entry_point in text else [entry_point]
    extra += [name for key in _SPEAKERS if isinstance(name := attributes.get(key), str)][:1]
    extra += [_date_words(moment) for key in _MOMENTS if isinstance(moment := attributes.get(key), str | int | float)][
        :1
    ]
    return " ".join([*extra, text.replace(FORGOTTEN, " ")])


def _date_words(moment: str | float) -> str:
    """Return a date as people write it in questions: "8 May 2023"."""
    try:
        day = datetime.fromtimestamp(moment, UTC) if isinstance(moment, int | float) else datetime.fromisoformat(moment)
    except (ValueError, OverflowError, OSError):
        return str(moment)  # in words already
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


@lru_cache(maxsize=200_000)
def _terms_of_word(word: str) -> tuple[str, ...]:
    if word.isascii():
        parts = _CAMEL.findall(word) if _is_camel(word) else [word]
        return tuple(stem(part) for part in map(str.lower, parts) if part not in STOP_WORDS)
    word = _plain(word)
    if _ASIAN.search(word) and len(word) > 1:
        return tuple(word[start : start + 2] for start in range(len(word) - 1))
    return () if word in STOP_WORDS else (stem(word) if word.isascii() else word,)


def _plain(word: str) -> str:
    """Fold case and accents: "Café" and "cafe" are one word."""
    if _ASIAN.search(word):
        return word
    letters = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _is_camel(word: str) -> bool:
    return word.isalpha() and not (word.islower() or word.isupper() or word.istitle())
