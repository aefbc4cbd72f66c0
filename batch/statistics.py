"""The figures of a report: pass@k and intervals."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

Z95 = 1.959964  # two-sided 95 % quantile of the normal distribution


def pass_at_k(n: int, c: int, k: int) -> float:
    """Estimate the chance that at least one of k samples passes, from c passing ones among n.

    Unbiased: 1 - C(n-c, k) / C(n, k). Raises ValueError unless 0 <= c <= n and 1 <= k <= n.
    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code".
    """
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass@{k} of {c} in {n}")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion of independent trials; (0, 1) when n is 0. Source: Wilson 1927."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = successes / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def clustered(rates: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean over tasks, when each task was tried several times.

    Repeats of one task are not independent trials, so the tasks are the sample: normal interval of the mean of
    their rates, cut to [0, 1], Wilson's where all rates are equal; (0, 1) for fewer than two tasks.
    """
    if len(rates) < 2:
        return 0.0, 1.0
    if stdev(rates) == 0:  # all alike says little about the next task: as many trials as there are tasks
        return wilson(round(rates[0] * len(rates)), len(rates))
    mean, half = fmean(rates), Z95 * stdev(rates) / math.sqrt(len(rates))
    return max(0.0, mean - half), min(1.0, mean + half)
