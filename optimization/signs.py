"""The sequential sign-flip test: how likely a sum of differences is when signs are fair coins, over several looks."""

from functools import lru_cache
from typing import TypeAlias

Look: TypeAlias = tuple[tuple[int, ...], float]
"""Sizes of the differences that came since the look before, sorted; and the error that may be spent up to this look."""

ROUNDING = 1e-12


def adjusted_p(looks: tuple[Look, ...], positive: int) -> float:
    """Return the chance, with fair signs, to have been accepted before the last look or to reach it with such a sum.

    looks: sizes are whole numbers from 1; what may be spent must not fall. At every look but the last the largest
    sums are accepted, as many as what may be spent allows. positive: sum of the sizes whose sign is plus. Accepting
    whenever this p is at most what may be spent errs at most with the chance that may be spent at the last look.
    Source: stagewise ordering, Tsiatis, Rosner, Mehta 1984; the count by dynamic programming is exact.
    """
    mass, accepted = _before(looks)
    return min(1.0, accepted + sum(share for total, share in mass.items() if total >= positive))


@lru_cache(maxsize=256)
def _before(looks: tuple[Look, ...]) -> tuple[dict[int, float], float]:
    """Return the distribution of the positive sum at the last look, and the share accepted at earlier ones."""
    if not looks:
        return {0: 1.0}, 0.0
    mass, accepted = _after(looks[:-1])
    for size in looks[-1][0]:
        mass = _flipped(mass, size)
    return mass, accepted


def _after(looks: tuple[Look, ...]) -> tuple[dict[int, float], float]:
    """Return what `_before` returns, without what the last look accepts."""
    mass, accepted = _before(looks)
    if not looks:
        return mass, accepted
    may_spend = looks[-1][1] + ROUNDING
    left = dict(mass)
    for total in sorted(mass, reverse=True):
        if accepted + mass[total] > may_spend:
            break
        accepted += left.pop(total)
    return left, accepted


def _flipped(mass: dict[int, float], size: int) -> dict[int, float]:
    grown: dict[int, float] = {}
    for total, share in mass.items():
        half = share / 2
        grown[total] = grown.get(total, 0.0) + half
        grown[total + size] = grown.get(total + size, 0.0) + half
    return grown
