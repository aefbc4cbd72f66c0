"""Dense vectors of one scope in RAM, compared exactly."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from memory.postings import Mask, Numbers, Rows, best

Vector: TypeAlias = NDArray[np.float32]

EXACT_ROWS = 20_000  # above this only the best lexical candidates are compared
CANDIDATES = 1_000


class Matrix:
    """One row per record; zeros where a record has no vector of the embedder."""

    def __init__(self) -> None:
        self._rows = np.zeros((0, 0), np.float32)

    def put(self, row: int, vector: Vector) -> None:
        """Set the vector of a row."""
        if row >= len(self._rows) or self._rows.shape[1] != len(vector):
            grown = np.zeros((max(1024, 2 * row), len(vector)), np.float32)
            if self._rows.shape[1] == len(vector):
                grown[: len(self._rows)] = self._rows
            self._rows = grown
        self._rows[row] = vector

    def cosine(self, vector: Vector, visible: Mask, lexical: Numbers, near: Rows) -> Numbers:
        """Return the cosine with every visible row, at least 0.

        In large scopes only with the best lexical rows and with `near`: rows that an approximate index found.
        """
        values = np.zeros(len(visible))
        size = min(len(visible), len(self._rows))
        if not size or self._rows.shape[1] != len(vector):
            return values
        if size <= EXACT_ROWS:
            values[:size] = self._rows[:size] @ vector
        else:
            rows = np.union1d(best(lexical, CANDIDATES), near)
            rows = rows[rows < size]
            values[rows] = self._rows[rows] @ vector
        return np.where(visible, np.maximum(values, 0.0), 0.0)
