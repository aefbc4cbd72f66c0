"""Records of one thread, in order: what was said before and after lends score."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory.postings import Mask, Numbers


class Neighbours:
    """The order of the visible rows inside their threads.

    The record that answers a question often holds none of its words; the one before it does. Worth +8 points of
    recall@10 on dialogues, more than any other engine (docs/memory.md#neighbours).
    """

    def __init__(self, threads: NDArray[np.int64], sequences: NDArray[np.int64], visible: Mask) -> None:
        rows = np.flatnonzero(visible & (threads > 0))
        self._rows = rows[np.lexsort((sequences[rows], threads[rows]))]
        self._threads = threads[self._rows]
        self.exist = bool((self._threads[1:] == self._threads[:-1]).any())  # a thread of more than one record

    def smoothed(self, scores: Numbers, weights: Sequence[float]) -> Numbers:
        """Return scores with those of the records `step` places away added, times weights[step - 1]."""
        own = scores[self._rows]
        lent = np.zeros_like(own)
        for step, weight in enumerate(weights, 1):
            near = weight * (self._threads[step:] == self._threads[:-step])
            lent[step:] += near * own[:-step]
            lent[:-step] += near * own[step:]
        smoothed = scores.copy()
        smoothed[self._rows] += lent
        return smoothed
