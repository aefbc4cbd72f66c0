"""The gate: is the child better than its parent? A sequential paired test that grows while the evidence is undecided.

The test flips signs. If the child is no better, then on each task "better by d" is as likely as "worse by d",
whatever the task's difficulty; so given the sizes of the differences their signs are fair coins, and the chance of a
sum as large as the observed one is counted exactly. For solved/unsolved this is McNemar's sign test; for real values
(search effort, reward) the sizes count too. Looking several times is paid for by alpha spending: once the share t of
the largest sample has been asked for, at most alpha * t may have been spent on false acceptance. The error rate
therefore holds for every base rate, correlation and cap, and wherever results are missing. Dropping a child early
never raises it.

Two limits. Real-valued differences of a useless child may be lopsided: a little better on many tasks, far worse on
few. Those are no fair coins; p is corrected for it, but there the rate is approximate (docs/benchmarks.md#the-gate).
And a task that is drawn again with another repeat counts again: the claim is then about these tasks, not about tasks
like them; validation tasks decide about those.

Sources: Pitman 1937 (sign flips), Lan and DeMets 1983 (alpha spending), Spiegelhalter et al. 1986 (predictive power).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean, stdev

from optimization.signs import ROUNDING, adjusted_p
from state.optimization import Decision, GateVerdict, Pair

TIE = 1e-9  # differences smaller than this are none
LEVELS = 4  # of a difference per root mean square: finer costs time and gains nothing
CLIP = 32  # levels at which a difference is cut, so that one outlier does not decide
NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class GateRule:
    """The acceptance rule. Raises ValueError for numbers out of range.

    Looks are at `first`, `first + step`, … pairs and at `cap`. The child is accepted when the adjusted p is at most
    what may be spent by then and the posterior reaches `posterior`; it is dropped when the predicted chance of
    acceptance falls below `futility`, or undecided at the cap.
    """

    alpha: float = 0.05
    posterior: float = 0.9
    futility: float = 0.2
    first: int = 12
    step: int = 6
    cap: int = 96  # these numbers spent fewest rollouts for their power, docs/benchmarks.md#the-gate

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 <= self.posterior < 1 and 0 <= self.futility < 1):
            raise ValueError(f"alpha must lie in (0, 1), posterior and futility in [0, 1): {self}")
        if not (1 <= self.first <= self.cap and self.step >= 1):
            raise ValueError(f"first and step must be at least 1, and first at most cap: {self}")

    @property
    def name(self) -> str:
        """The rule with its parameters, for reports."""
        return (
            f"sequential sign-flip test, one-sided: alpha {self.alpha:g}, posterior {self.posterior:g}, "
            f"futility {self.futility:g}, {self.first} pairs growing by {self.step} to {self.cap}"
        )

    def capped(self, pairs: int) -> "GateRule":
        """Return the rule for at most `pairs` pairs: what the tasks allow. To be fixed before the first look."""
        cap = max(1, min(self.cap, pairs))
        return replace(self, cap=cap, first=min(self.first, cap))

    def shared(self, gates: int) -> "GateRule":
        """Return the rule for each of `gates` gates, so that the chance of any false acceptance among them is alpha."""
        return replace(self, alpha=self.alpha / max(1, gates))

    def looks(self, pairs: int) -> list[int]:
        """Return the numbers of pairs, up to `pairs`, at which the gate looks."""
        return [look for look in (*range(self.first, self.cap, self.step), self.cap) if look <= pairs]

    def may_spend(self, look: int) -> float:
        """Return the chance of false acceptance that may have been spent once `look` pairs have been asked for."""
        return self.alpha * look / self.cap


def judge(pairs: Sequence[Pair], rule: GateRule) -> GateVerdict:
    """Accept the child, reject it, or ask for more pairs.

    pairs: in the order in which they were drawn. The verdict is a function of them alone: after a restart the same
    pairs say the same, and pairs beyond the look that decided are ignored. A pair without a result on either side
    counts as asked for, not as evidence.
    """
    steps = [_difference(pair) for pair in pairs]
    verdict = _undecided(rule, rule.first, steps[: rule.first])
    for look in rule.looks(len(pairs)):
        verdict = _judged(steps, look, rule)
        if verdict["decision"] != "grow":
            break  # the first look that decides: a later one could not take it back
    return verdict


def _difference(pair: Pair) -> float | None:
    if pair["parent"] is None or pair["child"] is None:
        return None
    return pair["child"] - pair["parent"]


def _judged(steps: Sequence[float | None], look: int, rule: GateRule) -> GateVerdict:
    found = [d for d in steps[:look] if d is not None]
    p = _against_skew(_p(steps, look, rule), found)
    posterior, chance = _posterior(found), _chance(found, rule.cap - look, rule.alpha)
    decision, reason = _decision(p, posterior, chance, look, rule)
    planned = rule.looks(rule.cap)
    want = planned[planned.index(look) + 1] if decision == "grow" else look
    verdict = _undecided(rule, want, steps[:look])
    return verdict | {
        "decision": decision,
        "reason": reason,
        "p": p,
        "alpha_now": rule.may_spend(look),
        "posterior": posterior,
        "chance": chance,
    }


def _decision(p: float, posterior: float, chance: float, look: int, rule: GateRule) -> tuple[Decision, str]:
    limit = rule.may_spend(look)
    evidence = f"p {p:.4f}, of which {limit:.4f} may be spent by {look} of {rule.cap} pairs; posterior {posterior:.3f}"
    if p <= limit and posterior >= rule.posterior:
        return "accept", f"the child is better: {evidence}"
    if look == rule.cap:
        return "reject", f"not shown to be better within {rule.cap} pairs: {evidence}"
    if chance < rule.futility:
        return "reject", f"unlikely ({chance:.2f}) to be shown better within {rule.cap} pairs: {evidence}"
    return "grow", f"undecided: {evidence}"


def _undecided(rule: GateRule, want: int, steps: Sequence[float | None]) -> GateVerdict:
    found = [d for d in steps if d is not None]
    wins, losses = sum(d > TIE for d in found), sum(d < -TIE for d in found)
    return {
        "decision": "grow",
        "rule": rule.name,
        "reason": f"fewer pairs than the {rule.first} of the first look",
        "want": want,
        "n": len(found),
        "excluded": len(steps) - len(found),
        "wins": wins,
        "losses": losses,
        "ties": len(found) - wins - losses,
        "mean_difference": fmean(found) if found else 0.0,
        "p": 1.0,
        "alpha": rule.alpha,
        "alpha_now": 0.0,
        "posterior": 0.5,
        "chance": 1.0,
    }


def _p(steps: Sequence[float | None], look: int, rule: GateRule) -> float:
    planned = rule.looks(look)
    levels = _levels(steps, planned)
    starts = [0, *planned]
    looks = tuple(
        (tuple(sorted(abs(level) for level in levels[start:end] if level)), rule.may_spend(end))
        for start, end in zip(starts, planned, strict=False)
    )
    return adjusted_p(looks, sum(level for level in levels[:look] if level > 0))


def _against_skew(p: float, found: Sequence[float]) -> float:
    """Return p, raised where a few large losses stand against many small wins.

    Such differences are no fair sign-flips even when the child is no better on average. The correction is the first
    Edgeworth term of Student's t for the sample's skewness (Hall 1992); never downwards, so that the guarantee stays.
    """
    sizes = [abs(d) for d in found if abs(d) > TIE]
    if len(sizes) < 3 or max(sizes) - min(sizes) <= TIE or not ROUNDING < p < 1:
        return p
    mean = fmean(found)
    spread = math.sqrt(fmean((d - mean) ** 2 for d in found))
    skew = fmean(((d - mean) / spread) ** 3 for d in found) if spread else 0.0
    z = NORMAL.inv_cdf(1 - p)
    return min(1.0, p + max(0.0, -skew) * (2 * z * z + 1) * NORMAL.pdf(z) / (6 * math.sqrt(len(found))))


def _levels(steps: Sequence[float | None], looks: Sequence[int]) -> list[int]:
    """Return the differences in whole steps of a unit.

    The unit comes from the sizes at the first look that shows any, so that later pairs do not change earlier
    verdicts; as it is a function of sizes, the signs remain fair coins.
    """
    shown = [d for d in steps[: looks[-1]] if d is not None]
    for look in looks:
        sizes = [abs(d) for d in steps[:look] if d is not None and abs(d) > TIE]
        if sizes:
            unit = math.sqrt(fmean(size * size for size in sizes)) / LEVELS
            return [_level(d, unit) for d in steps[: looks[-1]]]
    return [0] * len(shown)


def _level(difference: float | None, unit: float) -> int:
    if difference is None or abs(difference) <= TIE:
        return 0
    return max(-CLIP, min(CLIP, round(difference / unit)))


def _posterior(found: Sequence[float]) -> float:
    """Return the probability that the child is better.

    Solved/unsolved: uniform prior on the share of wins among the tasks that differ. Real values: Student's t of the
    mean under the reference prior, by Wallace's approximation (1959). 0.5 while nothing differs.
    """
    wins, losses = sum(d > TIE for d in found), sum(d < -TIE for d in found)
    sizes = [abs(d) for d in found if abs(d) > TIE]
    if not sizes:
        return 0.5
    if max(sizes) - min(sizes) <= TIE or len(found) < 3:
        n = wins + losses + 1  # P(Beta(wins + 1, losses + 1) > 1/2), as a binomial tail
        tail: int = sum(math.comb(n, k) for k in range(wins + 1))
        return tail / (1 << n)
    freedom = len(found) - 1
    t = fmean(found) / (stdev(found) / math.sqrt(len(found)))
    z = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))
    return NORMAL.cdf(math.copysign(z, t))


def _chance(found: Sequence[float], left: int, alpha: float) -> float:
    """Return the predictive probability that a test of all pairs would accept, flat prior on the mean difference.

    One pair of the usual size and of no direction is added, so that a handful of ties does not look certain.
    """
    if not found or not left:
        return 1.0 if left else 0.0
    squares = [d * d for d in found if abs(d) > TIE]
    variance = (math.fsum(squares) + (fmean(squares) if squares else 1.0)) / (len(found) + 1)
    n, total = len(found), len(found) + left
    distance = math.fsum(found) * total / n - NORMAL.inv_cdf(1 - alpha) * math.sqrt(variance * total)
    return NORMAL.cdf(distance / math.sqrt(variance * left * total / n))
