"""Two runs on the same tasks: who solved what, and whether the difference is more than chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from batch.statistics import Z95, wilson


@dataclass(frozen=True, kw_only=True)
class Paired:
    """A paired comparison of shares: the second minus the first, over the same tasks."""

    n: int
    """Tasks that both have."""
    both: int
    only_first: int
    only_second: int
    neither: int
    difference: float
    low: float
    high: float
    """The 95 % interval of the difference."""
    p_value: float
    """Exact two-sided McNemar test: the chance of tasks so unevenly split between the two, were they equal."""

    @property
    def in_words(self) -> str:
        """The difference with its interval, and whether it is significant at 5 %."""
        sure = "" if self.is_significant else ", not significant"
        return f"{self.interval}, p {self.chance}{sure}"

    @property
    def interval(self) -> str:
        """The difference with its 95 % interval."""
        return f"{self.difference:+.2f} ({self.low:+.2f} to {self.high:+.2f})"

    @property
    def chance(self) -> str:
        """The p value."""
        return f"{self.p_value:.3f}" if self.p_value >= 0.001 else "< 0.001"

    @property
    def is_significant(self) -> bool:
        """Whether both the interval and the test say that the difference is no chance, at 5 %."""
        return (self.low > 0 or self.high < 0) and self.p_value < 0.05


def _interval(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    whole = all(rate in (0.0, 1.0) for pair in pairs for rate in pair)
    return _newcombe(pairs) if whole else _normal([b - a for a, b in pairs])


def paired(pairs: Sequence[tuple[float, float]]) -> Paired:
    """Compare rates in [0, 1] of the same tasks, one pair per task.

    Where every rate is 0 or 1 the interval is Newcombe's (1998, method 10) for paired proportions; where tasks were
    repeated it is the normal interval of the mean of their differences. Raises ValueError for no pairs.
    """
    if not pairs:
        raise ValueError("no task in common")
    n = len(pairs)
    only_first = sum(a > b for a, b in pairs)
    only_second = sum(b > a for a, b in pairs)
    both = sum(a == b and a > 0 for a, b in pairs)
    difference = fmean(b - a for a, b in pairs)
    low, high = _interval(pairs)
    return Paired(
        n=n,
        both=both,
        only_first=only_first,
        only_second=only_second,
        neither=n - both - only_first - only_second,
        difference=difference,
        low=low,
        high=high,
        p_value=mcnemar(only_first, only_second),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p value of the sign test on tasks that only one of the two solved; 1 for none."""
    n, k = only_first + only_second, min(only_first, only_second)
    tail: float = sum(math.comb(n, i) for i in range(k + 1)) / 2.0**n
    return min(1.0, 2.0 * tail)  # both tails; where the two are even the middle is counted twice


def _newcombe(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    n = len(pairs)
    # the four fields of the table: solved by both, by neither, by the first alone, by the second alone
    a, d = sum(x == y == 1 for x, y in pairs), sum(x == y == 0 for x, y in pairs)
    b, c = sum(x > y for x, y in pairs), sum(y > x for x, y in pairs)
    p1, p2 = (a + b) / n, (a + c) / n
    (l1, u1), (l2, u2) = wilson(a + b, n), wilson(a + c, n)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    excess = a * d - b * c
    # the more the two agree, the narrower; a positive correlation is corrected for continuity, as Newcombe does
    corrected = max(excess - n / 2, 0) if excess > 0 else excess
    phi = corrected / math.sqrt(margins) if margins else 0.0
    below = math.sqrt((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2)
    above = math.sqrt((u2 - p2) ** 2 - 2 * phi * (u2 - p2) * (p1 - l1) + (p1 - l1) ** 2)
    return p2 - p1 - below, p2 - p1 + above


def _normal(differences: Sequence[float]) -> tuple[float, float]:
    if len(differences) < 2:
        return -1.0, 1.0  # one difference says nothing about how much they vary
    mean, half = fmean(differences), Z95 * stdev(differences) / math.sqrt(len(differences))
    return max(-1.0, mean - half), min(1.0, mean + half)
