"""Programs by their names: what a function is called says more of what it does than any of its lines."""

import re
from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from memory.postings import Numbers, Rows

_NAMED = re.compile(r"\b(?:def|class|function|func|fn)\s+(\w+)")
_LEAST_ASKED = 5  # letters: shorter words are not abbreviated any further
_STEADY = 3.0  # keeps a match of one common word from counting as a whole match


class Titles:
    """The terms of each row's name, as numbers of the index's terms; most rows have none."""

    def __init__(self) -> None:
        self._starts = array("q", [0])
        self._terms = array("i")

    def append(self, terms: Sequence[int]) -> None:
        """Add the next row."""
        self._terms.extend(terms)
        self._starts.append(len(self._terms))

    def matches(self, rows: Rows, asked: Mapping[int, float], idf: Numbers) -> Numbers:
        """Return how much of each row's name the question holds, in [0, 1): by weight of terms, rare ones more."""
        values = np.zeros(len(rows))
        for place, row in enumerate(rows):
            terms = self._terms[self._starts[row] : self._starts[row + 1]]
            if terms:
                total = sum(idf[term] for term in terms) + _STEADY
                values[place] = sum(idf[term] * min(asked.get(term, 0.0), 1.0) for term in terms) / total
        return values


def title_of(text: str, entry_point: str) -> str:
    """Return the name of a program: its entry point, or what it defines first; "" where there is none."""
    if entry_point:
        return entry_point
    found = _NAMED.search(text)
    return found.group(1) if found else ""


def abbreviations(word: str) -> set[str]:
    """Return what programs may call a word: its first three or four letters, and its first consonants.

    maximum: max, maxi, mxm; message: mes, mess, mss, msg.
    """
    if len(word) < _LEAST_ASKED or not word.isalpha():
        return set()
    consonants = word[0] + re.sub("[aeiou]", "", word[1:])
    return {word[:3], word[:4], consonants[:3], re.sub(r"(.)\1", r"\1", consonants)[:3]}
