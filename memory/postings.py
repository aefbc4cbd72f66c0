"""Which row holds which term how often, both ways round."""

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from memory.words import terms_of

Mask: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.intp]


class Postings:
    """Terms by row and rows by term. Rows and terms are numbered as they come; the caller holds a lock.

    Arrays that are handed out are copies: the growing ones cannot be lent.
    """

    def __init__(self) -> None:
        self.terms: dict[str, int] = {}
        self.names: list[str] = []  # of the terms, by number
        self._rows: list[array[int]] = []
        self._counts: list[array[float]] = []
        self._starts = array("q", [0])  # row i holds the entries from starts[i] to starts[i + 1]
        self._row_terms = array("i")
        self._row_counts = array("f")
        self._lengths = array("d")

    def __len__(self) -> int:
        return len(self._lengths)

    def append(self, text: str) -> None:
        """Add the next row."""
        row, counts = len(self._lengths), Counter(terms_of(text))
        for term, count in counts.items():
            number = self.terms.setdefault(term, len(self._rows))
            if number == len(self._rows):
                self._rows.append(array("i"))
                self._counts.append(array("f"))
                self.names.append(term)
            self._rows[number].append(row)
            self._counts[number].append(count)
            self._row_terms.append(number)
        self._row_counts.extend(counts.values())
        self._starts.append(len(self._row_terms))
        self._lengths.append(counts.total())

    def numbers(self, text: str) -> list[int]:
        """Return the numbers of the different terms of a text that the rows hold."""
        return [number for term in dict.fromkeys(terms_of(text)) if (number := self.terms.get(term)) is not None]

    def lengths(self) -> Numbers:
        """Return the number of terms of each row."""
        return np.array(self._lengths)

    def frequencies(self, visible: Mask) -> NDArray[np.int64]:
        """Return for each term how many visible rows hold it; rows after the mask's end count as invisible."""
        starts = np.array(self._starts[: len(visible) + 1])
        terms = np.array(self._row_terms[: starts[-1]])
        kept = terms if visible.all() else terms[np.repeat(visible, np.diff(starts))]
        return np.bincount(kept, minlength=len(self._rows))

    def occurrences(self, terms: Sequence[int]) -> tuple[Rows, Numbers, list[int]]:
        """Return the rows that hold each term, how often each does, and how many rows there are per term."""
        rows = np.concatenate([np.frombuffer(self._rows[term], np.int32) for term in terms], dtype=np.intp)
        counts = np.concatenate([np.frombuffer(self._counts[term], np.float32) for term in terms], dtype=np.float64)
        return rows, counts, [len(self._rows[term]) for term in terms]

    def contents(self, rows: Rows) -> tuple[Rows, Rows, Numbers]:
        """Return what rows hold: (position in `rows`, term, count) of every entry."""
        starts = [(self._starts[row], self._starts[row + 1]) for row in rows]
        if not starts:
            return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
        owners = np.repeat(np.arange(len(rows)), [end - start for start, end in starts])
        all_terms, all_counts = np.frombuffer(self._row_terms, np.int32), np.frombuffer(self._row_counts, np.float32)
        terms = np.concatenate([all_terms[start:end] for start, end in starts], dtype=np.intp)
        counts = np.concatenate([all_counts[start:end] for start, end in starts], dtype=np.float64)
        return owners, terms, counts


def best(scores: Numbers, limit: int) -> Rows:
    """Return the rows of the `limit` highest positive scores, and every row that ties with the last of them."""
    rows = np.flatnonzero(scores)
    positive = scores[rows]
    if limit < len(rows):
        # not np.partition: where most values are equal it takes ten times as long as sorting them all
        least = np.sort(positive)[len(rows) - limit]
        rows = rows[positive >= least]
    return rows
