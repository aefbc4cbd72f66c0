"""How often the gate accepts useless changes, what it finds, and what that costs, on simulated noisy evaluators.

    python -m benchmarks.gate [--seeds 1000]

Evaluators: a stochastic model answers each task afresh for parent and child, task difficulty from a Beta
distribution; a deterministic one gives the same answer twice, so that a change moves only a share of the tasks;
effort is a real number per task. The fixed-size test that the gate is compared with is the sign test on tasks that
differ, at the error rate that the gate showed (made exact by a randomised border), with the fewest pairs that reach
the gate's power; power computed, not simulated. For real values it is Student's paired t test, or a z test that is told
the deviation. How often the gate accepts a useless child is estimated from four times as many seeds, since so much
depends on it. A pair costs two rollouts.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random
from statistics import NormalDist, fmean

from batch.statistics import wilson
from optimization.gate import GateRule, judge
from state.optimization import Pair

Simulator = Callable[[Random, int], list[Pair]]
NORMAL = NormalDist()
MISSING = 0.1
FEW_TASKS = 32
CHURN = 0.3  # share of tasks on which a changed prompt changes a deterministic model's outcome


@dataclass(frozen=True)
class Stochastic:
    """Child closes the share of each task's gap to 1 that makes `gain` on average; difficulty Beta(2p, 2(1-p))."""

    rate: float
    gain: float = 0.0
    tasks: int | None = None  # so many tasks, repeated
    redrawn: bool = False  # the child's difficulty is drawn anew for half of the tasks: equal on average
    missing: float = 0.0

    def __call__(self, rng: Random, count: int) -> list[Pair]:
        difficulties = [self._difficulty(rng) for _ in range(min(count, self.tasks or count))]
        return [self._pair(rng, index, *difficulties[index % len(difficulties)]) for index in range(count)]

    def _difficulty(self, rng: Random) -> tuple[float, float]:
        parent = rng.betavariate(2 * self.rate, 2 * (1 - self.rate))
        if self.redrawn and rng.random() < 0.5:
            return parent, rng.betavariate(2 * self.rate, 2 * (1 - self.rate))
        return parent, parent + self.closed * (1 - parent)

    @property
    def closed(self) -> float:
        """Share of each task's gap to 1 that the child closes."""
        return self.gain / (1 - self.rate)

    def _pair(self, rng: Random, index: int, parent: float, child: float) -> Pair:
        results = [None if rng.random() < self.missing else float(rng.random() < p) for p in (parent, child)]
        return {"task_id": str(index), "parent": results[0], "child": results[1]}

    def wins_and_losses(self) -> tuple[float, float]:
        """Chances per pair; E p = rate, E p(1-p) = rate (1-rate) 2/3 for Beta with a + b = 2."""
        spread = self.rate * (1 - self.rate) * 2 / 3
        return spread + self.closed * (1 - self.rate - spread), spread * (1 - self.closed)


@dataclass(frozen=True)
class Deterministic:
    """Outcomes differ on CHURN of the tasks, in the child's favour by `gain` on average."""

    rate: float
    gain: float = 0.0

    def __call__(self, rng: Random, count: int) -> list[Pair]:
        return [self._pair(rng, index) for index in range(count)]

    def _pair(self, rng: Random, index: int) -> Pair:
        wins, losses = self.wins_and_losses()
        u = rng.random()
        parent = 0.0 if u < wins else 1.0 if u < wins + losses else float(rng.random() < self.rate)
        child = 1 - parent if u < wins + losses else parent
        return {"task_id": str(index), "parent": parent, "child": child}

    def wins_and_losses(self) -> tuple[float, float]:
        return (CHURN + self.gain) / 2, (CHURN - self.gain) / 2


@dataclass(frozen=True)
class Effort:
    """Log search effort, of which less is better: tasks spread widely, the child's noise has the given shape, sd 1."""

    shape: str
    gain: float = 0.0

    def __call__(self, rng: Random, count: int) -> list[Pair]:
        pairs: list[Pair] = []
        for index in range(count):
            level = -rng.gauss(8, 2)
            pairs.append({"task_id": str(index), "parent": level, "child": level + self.gain + self._noise(rng)})
        return pairs

    def _noise(self, rng: Random) -> float:
        if self.shape == "heavy":  # Student t with 3 degrees of freedom
            return rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2 / 3)) / math.sqrt(3) if rng.random() < 0.5 else 0
        if self.shape == "skewed":  # many small losses, few large wins, mean 0
            return rng.expovariate(1) - 1
        if self.shape == "skewed against":
            return 1 - rng.expovariate(1)
        return rng.gauss(0, 1)


USELESS: dict[str, Simulator] = {
    "stochastic, 20 % solved": Stochastic(0.2),
    "stochastic, 50 % solved": Stochastic(0.5),
    "stochastic, 80 % solved": Stochastic(0.8),
    "stochastic, 50 %, half of the tasks harder or easier": Stochastic(0.5, redrawn=True),
    f"stochastic, 50 %, {FEW_TASKS} tasks repeated": Stochastic(0.5, tasks=FEW_TASKS),
    f"stochastic, 50 %, {MISSING:.0%} of the rollouts failed": Stochastic(0.5, missing=MISSING),
    f"deterministic, {CHURN:.0%} of the tasks change": Deterministic(0.5),
    "effort, normal": Effort("normal"),
    "effort, half ties, heavy tails": Effort("heavy"),
    "effort, few large wins and many small losses": Effort("skewed"),
    "effort, many small wins and few large losses": Effort("skewed against"),
}
CAPS = (24, 48, 96, 192)


def run_gate(simulator: Simulator, rule: GateRule, seeds: Sequence[int], name: str) -> tuple[int, float]:
    """Return how many seeds accept and the mean number of pairs asked for."""
    verdicts = [judge(simulator(Random(f"{seed}:{name}"), rule.cap), rule) for seed in seeds]
    return sum(v["decision"] == "accept" for v in verdicts), fmean(v["want"] for v in verdicts)


def interval(hits: int, n: int) -> str:
    """Return a share with its 95 % interval, in percent."""
    low, high = wilson(hits, n)
    return f"{hits / n:.1%} ({low:.1%} to {high:.1%})"


def false_acceptance(seeds: Sequence[int]) -> None:
    """Print how often a gate accepts a child that is no better, by evaluator and cap."""
    print(f"\nUseless changes accepted, stated at most 5 %, {len(seeds)} seeds a cell, 95 % interval\n")
    print("| evaluator | " + " | ".join(f"cap {cap}" for cap in CAPS) + ' | minibatch of 3, ">" |')
    print("|---" * (len(CAPS) + 2) + "|")
    for name, simulator in USELESS.items():
        cells = [interval(run_gate(simulator, GateRule(cap=c), seeds, name)[0], len(seeds)) for c in CAPS]
        print(f"| {name} | {' | '.join(cells)} | {greater_than(simulator, 3, seeds, name):.0%} |")


def greater_than(simulator: Simulator, size: int, seeds: Sequence[int], name: str) -> float:
    """Return how often the sum over a minibatch is greater for the child."""

    def greater(seed: int) -> bool:
        scored = [p for p in simulator(Random(f"{seed}:{name}:bare"), size) if None not in (p["parent"], p["child"])]
        return sum((p["child"] or 0) - (p["parent"] or 0) for p in scored) > 0

    return fmean(greater(seed) for seed in seeds)


@cache
def binomial(n: int, p: float) -> list[float]:
    """Return the chances of 0 to n hits."""
    return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


@cache
def sign_test_power(differing: int, share: float, alpha: float) -> float:
    """Return how often a one-sided sign test, randomised to spend all of alpha, finds this share of wins."""
    spent = power = 0.0
    for fair, true in zip(reversed(binomial(differing, 0.5)), reversed(binomial(differing, share)), strict=True):
        if spent + fair > alpha:
            return power + true * (alpha - spent) / fair
        spent, power = spent + fair, power + true
    return power


def fixed_pairs(wins: float, losses: float, alpha: float, power: float) -> int:
    """Return the fewest pairs with which the fixed-size sign test of this error rate has this power."""

    def power_of(n: int) -> float:
        chances = binomial(n, wins + losses)
        return sum(c * sign_test_power(m, wins / (wins + losses), alpha) for m, c in enumerate(chances) if c > 1e-9)

    high = 8
    while power_of(high) < power:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= power else (middle, high)
    return high


def power_table(seeds: Sequence[int], rule: GateRule) -> None:
    """Print how often true gains are accepted, and at what cost beside a test of fixed size."""
    print(f"\nPower and cost, {rule.name}; {len(seeds)} seeds a row\n")
    print(
        "| evaluator | true gain | accepted | pairs, mean | rollouts, mean | fixed-size pairs, same error and power "
        "| saved on this child | on a useless one | on average |"
    )
    print("|---" * 9 + "|")
    kinds: list[tuple[str, Callable[[float], Stochastic | Deterministic]]] = [
        ("stochastic, 50 %", lambda gain: Stochastic(0.5, gain)),
        ("stochastic, 20 %", lambda gain: Stochastic(0.2, gain)),
        ("deterministic", lambda gain: Deterministic(0.5, gain)),
    ]
    for name, make in kinds:
        error, idle = idling(make(0.0), rule, seeds, name)
        print(f"| {name} | 0 | {error:.1%} | {idle:.0f} | {2 * idle:.0f} | | | | |")
        for gain in (0.05, 0.1, 0.2):
            accepted, busy = run_gate(make(gain), rule, seeds, name)
            fixed = fixed_pairs(*make(gain).wins_and_losses(), error, accepted / len(seeds))
            saved = [1 - busy / fixed, 1 - idle / fixed, 1 - (busy + idle) / 2 / fixed]
            print(
                f"| {name} | +{gain:.0%} | {accepted / len(seeds):.1%} | {busy:.0f} | {2 * busy:.0f} | {fixed} | "
                + " | ".join(f"{s:.0%}" for s in saved)
                + " |"
            )


def effort_table(seeds: Sequence[int], rule: GateRule) -> None:
    """Print the same for differences that are real numbers, beside a t test."""
    print("\nReal-valued differences (standard deviation 1)\n")
    print(
        "| true gain, standard deviations | accepted | pairs, mean | paired t test, pairs | saved on this child "
        "| on a useless one | on average | on average against a z test told the deviation |"
    )
    print("|---" * 8 + "|")
    error, idle = idling(Effort("normal"), rule, seeds, "effort")
    print(f"| 0 | {error:.1%} | {idle:.0f} | | | | | |")
    for gain in (0.1, 0.2, 0.4):
        accepted, busy = run_gate(Effort("normal", gain), rule, seeds, "effort")
        told = normal_pairs(gain, error, accepted / len(seeds))
        fixed = told + NORMAL.inv_cdf(1 - error) ** 2 / 2  # what not knowing the deviation costs, Guenther 1981
        saved = [1 - pairs / fixed for pairs in (busy, idle, (busy + idle) / 2)] + [1 - (busy + idle) / 2 / told]
        print(
            f"| {gain} | {accepted / len(seeds):.1%} | {busy:.0f} | {math.ceil(fixed)} | "
            + " | ".join(f"{s:.0%}" for s in saved)
            + " |"
        )


def idling(useless: Simulator, rule: GateRule, seeds: Sequence[int], name: str) -> tuple[float, float]:
    """Return the rate at which the gate accepts a useless child, from four times as many seeds, and its mean pairs."""
    false, pairs = run_gate(useless, rule, range(4 * len(seeds)), name)
    return false / (4 * len(seeds)), pairs


def normal_pairs(gain: float, alpha: float, power: float) -> float:
    """Return the pairs of a one-sided z test of differences with standard deviation 1."""
    return ((NORMAL.inv_cdf(1 - alpha) + NORMAL.inv_cdf(min(power, 0.9995))) / gain) ** 2


def bare_rule_table(seeds: Sequence[int]) -> None:
    """Print what a rule accepts that asks only for a greater sum over a minibatch."""
    print('\nA minibatch with ">": accepted\n')
    print("| evaluator | pairs | no change | +5 | +10 | +20 points |")
    print("|---" * 6 + "|")
    for rate in (0.5, 0.8):
        for size in (3, 8, 32):
            gains = (0.0, 0.05, 0.1, 0.2 if rate < 0.8 else 0.199)
            cells = [f"{greater_than(Stochastic(rate, gain), size, seeds, 'bare'):.0%}" for gain in gains]
            print(f"| stochastic, {rate:.0%} solved | {size} | {' | '.join(cells)} |")


def many_candidates(seeds: Sequence[int], gates: int = 20) -> None:
    """Print how often any of many useless children is accepted."""
    print(f"\n{gates} useless candidates in a row: runs with any false acceptance, mean false acceptances\n")
    print("| rule | any | mean |")
    print("|---|---|---|")
    runs = [list(range(start, end)) for start, end in pairwise(range(0, len(seeds) * gates // 4 + 1, gates))]
    for name, rule in (("alpha 5 % a gate", GateRule()), (f"alpha 5 % shared by {gates}", GateRule().shared(gates))):
        counts = [run_gate(Stochastic(0.5), rule, run, "many")[0] for run in runs]
        print(f"| {name} | {interval(sum(map(bool, counts)), len(runs))} | {fmean(counts):.2f} |")


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    seeds = range(parser.parse_args().seeds)
    false_acceptance(seeds)
    power_table(seeds, GateRule())
    effort_table(seeds, GateRule())
    bare_rule_table(range(10 * len(seeds)))
    many_candidates(seeds)


if __name__ == "__main__":
    main()
