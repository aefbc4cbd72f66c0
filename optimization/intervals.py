"""The paired interval: how much better one prompt set is than another on the same tasks."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

Z95 = 1.959964  # two-sided 95 % quantile of the normal distribution


class Difference(NamedTuple):
    """The mean of paired differences with its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int


def paired_difference(before: Sequence[float], after: Sequence[float]) -> Difference:
    """Return after minus before, task by task, with Student's interval of the mean; nothing is excluded below 3 pairs.

    Where all differences are equal the interval is that one point. Raises ValueError for lists of unequal length.
    """
    found = [b - a for a, b in zip(before, after, strict=True)]
    if len(found) < 3:
        return Difference(fmean(found) if found else 0.0, -math.inf, math.inf, len(found))
    half = student95(len(found) - 1) * stdev(found) / math.sqrt(len(found))
    return Difference(fmean(found), fmean(found) - half, fmean(found) + half, len(found))


def student95(freedom: int) -> float:
    """Return the two-sided 95 % quantile of Student's t, from 2 degrees of freedom on, to 1 %.

    Source: the expansion around the normal quantile, Abramowitz and Stegun 26.7.5.
    """
    z, v = Z95, freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )
