"""BM25 over postings in RAM, with statistics of what the searcher may see only."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from memory.words import terms_of

K1, B = 0.9, 0.4  # flat optimum on dialogues and code: docs/memory.md#bm25

Mask: TypeAlias = NDArray[np.bool_]
Scores: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.intp]


@dataclass(slots=True)
class _Posting:
    rows: "array[int]" = field(default_factory=lambda: array("i"))
    counts: "array[float]" = field(default_factory=lambda: array("f"))


_NO_POSTING = _Posting()


class Postings:
    """Which row holds which term how often. Rows are numbered as they come."""

    def __init__(self) -> None:
        self._terms: dict[str, _Posting] = {}
        self._lengths: array[float] = array("d")

    def __len__(self) -> int:
        return len(self._lengths)

    def append(self, text: str) -> None:
        """Add the next row."""
        row, counts = len(self._lengths), Counter(terms_of(text))
        for term, count in counts.items():
            posting = self._terms.get(term) or self._terms.setdefault(term, _Posting())
            posting.rows.append(row)
            posting.counts.append(count)
        self._lengths.append(counts.total())

    def lengths(self, size: int) -> Scores:
        """Return the number of terms of each of the first `size` rows."""
        return np.array(self._lengths[:size], dtype=np.float64)

    def of(self, terms: Sequence[str]) -> tuple[Rows, Scores, list[int]]:
        """Return the rows that hold each term, how often each does, and how many rows there are per term."""
        found = [self._terms.get(term, _NO_POSTING) for term in terms]
        rows = np.concatenate([np.frombuffer(posting.rows, np.int32) for posting in found], dtype=np.intp)
        counts = np.concatenate([np.frombuffer(posting.counts, np.float32) for posting in found], dtype=np.float64)
        return rows, counts, [len(posting.rows) for posting in found]


class Bm25View:
    """BM25 over a fixed set of visible rows.

    The number of rows, the mean length and every document frequency come from the visible rows alone: two searchers
    who see the same records get the same scores, whatever else the index holds and in whatever order it came.
    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009; idf as in Lucene, never negative.
    """

    def __init__(self, postings: Postings, visible: Mask) -> None:
        self._postings = postings
        self._visible = visible
        self._count = int(visible.sum())
        lengths = postings.lengths(len(visible))
        mean = float(lengths[visible].sum()) / max(self._count, 1)
        self._norms = K1 * (1 - B + B * lengths / (mean or 1.0))
        self._weights: dict[str, tuple[Rows, Scores]] = {}

    def scores(self, terms: Sequence[str]) -> Scores:
        """Return one score per row, 0 where no term occurs; the caller holds the index's lock."""
        counts = Counter(terms)
        if missing := [term for term in counts if term not in self._weights]:
            self._weigh(missing)
        if not counts:
            return np.zeros(len(self._visible))
        rows = np.concatenate([self._weights[term][0] for term in counts])
        weights = [
            self._weights[term][1] * count if count > 1 else self._weights[term][1] for term, count in counts.items()
        ]
        return np.bincount(rows, np.concatenate(weights), len(self._visible)).astype(np.float64, copy=False)

    def _weigh(self, terms: Sequence[str]) -> None:
        """Compute what each occurrence of the terms is worth; all at once, since numpy's cost is per call."""
        rows, counts, sizes = self._postings.of(terms)
        keep = rows < len(self._visible)
        keep[keep] = self._visible[rows[keep]]
        ends = np.cumsum(sizes)
        seen = np.concatenate([[0], np.cumsum(keep)])  # seen[i]: visible occurrences before the i-th
        bounds = seen[np.concatenate([[0], ends])]
        frequency = np.diff(bounds)
        idf = np.log1p((self._count - frequency + 0.5) / (frequency + 0.5))
        rows, counts = rows[keep], counts[keep]
        weights = np.repeat(idf, frequency) * counts * (K1 + 1) / (counts + self._norms[rows])
        for number, term in enumerate(terms):
            start, end = bounds[number], bounds[number + 1]
            self._weights[term] = rows[start:end], weights[start:end]


def best(scores: Scores, limit: int) -> Rows:
    """Return the rows of the `limit` highest positive scores, and every row that ties with the last of them."""
    if limit < len(scores):
        least = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        return np.flatnonzero(scores >= max(least, np.nextafter(0.0, 1.0)))
    return np.flatnonzero(scores > 0)
