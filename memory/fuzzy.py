"""Misspelt words: terms that nobody wrote are replaced by the similar ones that somebody did.

Comparing whole strings is slower and far worse (recall@10 under typos .266 instead of .590, docs/memory.md#fuzzy).
"""

from array import array
from collections.abc import Callable, Sequence

import numpy as np

LEAST_LENGTH = 4  # shorter words are similar to too many
LEAST_SIMILARITY = 0.7
EXPANSIONS = 3  # similar terms per misspelt one
_COMPARED = 8  # terms that share the most pairs of letters: only these are compared letter by letter


def _most_similar(word: str, candidates: Sequence[str]) -> list[tuple[str, float]]:
    compared = [(similarity(word, term, least=LEAST_SIMILARITY), term) for term in candidates]
    best = sorted((-value, term) for value, term in compared if value >= LEAST_SIMILARITY)
    return [(term, -value) for value, term in best[:EXPANSIONS]]


class Vocabulary:
    """Terms by the pairs of letters in them."""

    def __init__(self) -> None:
        self._terms: list[str] = []
        self._pairs: dict[str, array[int]] = {}
        self._sizes = array("i")  # pairs of each term
        self._lengths = array("i")  # letters of each term

    def extend(self, terms: Sequence[str]) -> None:
        """Take the terms from the first unknown one on; `terms` only ever grows at its end."""
        for number in range(len(self._terms), len(terms)):
            pairs = _pairs(terms[number])
            for pair in pairs:
                self._pairs.setdefault(pair, array("i")).append(number)
            self._sizes.append(len(pairs))
            self._lengths.append(len(terms[number]))
            self._terms.append(terms[number])

    def similar(self, word: str, known: Callable[[str], bool]) -> list[tuple[str, float]]:
        """Return known terms with their similarity in [LEAST_SIMILARITY, 1], best first, ties by term."""
        if len(word) < LEAST_LENGTH or not word.isalpha():
            return []
        pairs = _pairs(word)
        found = [np.frombuffer(self._pairs[pair], np.int32) for pair in pairs if pair in self._pairs]
        if not found:
            return []
        shared = np.bincount(np.concatenate(found), minlength=len(self._terms))
        rows = np.flatnonzero(shared >= 2)
        shared, sizes = shared[rows], np.frombuffer(self._sizes, np.int32)[rows]
        lengths = np.frombuffer(self._lengths, np.int32)[rows]
        edits = ((1 - LEAST_SIMILARITY) * np.maximum(lengths, len(word)) + 1e-9).astype(np.int32)
        # an edit takes at most three pairs away: that of two neighbours which are swapped
        possible = shared >= np.maximum(sizes, len(pairs)) - 3 * edits
        possible &= np.abs(lengths - len(word)) <= edits
        overlap = 2 * shared / (sizes + len(pairs))
        near = [int(one) for one in np.flatnonzero(possible & (overlap >= 0.3)) if known(self._terms[rows[one]])]
        near.sort(key=lambda one: (-overlap[one], self._terms[rows[one]]))
        return _most_similar(word, [self._terms[rows[one]] for one in near[:_COMPARED]])


def similarity(one: str, other: str, *, least: float = 0.0) -> float:
    """Return 1 minus the optimal string alignment distance over the longer length; 0 as soon as that is below `least`.

    Insertions, deletions, substitutions and swaps of neighbours cost 1 each.
    Source: Boytsov, "Indexing methods for approximate dictionary searching", 2011, section 2.2.
    """
    longest = max(len(one), len(other), 1)
    most = (1 - least) * longest + 1e-9  # edits
    if abs(len(one) - len(other)) > most:
        return 0.0
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, target in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != target))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == target:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most < min(last):
            return 0.0
        before, last = last, row
    return 1 - last[-1] / longest if last[-1] <= most else 0.0


def _pairs(word: str) -> set[str]:
    framed = f"<{word}>"
    return {framed[start : start + 2] for start in range(len(framed) - 1)}
