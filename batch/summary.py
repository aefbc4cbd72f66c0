"""What a run came to, computed from the ledger alone: the same rows give the same summary."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal, get_args

from batch.model_use import ModelUse, model_uses
from batch.statistics import clustered, pass_at_k, wilson
from checkpoints.ledger import Ledger
from runtime.results import total_cost
from state.errors import SetupError
from state.json_values import JsonMapping
from state.ledger import Failure, FinishedEpisode, RunRow
from state.periodic import CareCount, CareCounts
from state.task import SPLITS

WORST = 5
CARE_COUNTS: tuple[CareCount, ...] = get_args(CareCount)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A share of episodes with its 95 % interval."""

    successes: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself; 0 when n is 0."""
        return self.successes / self.n if self.n else 0.0

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.successes} of {self.n})"

    @property
    def interval(self) -> str:
        """The interval in words."""
        return f"{self.low:.2f} to {self.high:.2f}"


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """The figures of one split."""

    split: str
    tasks: int
    first: Rate
    """First attempts that passed every test: pass@1."""
    solved: Rate
    """Final attempts that did, repairs included."""
    at_k: tuple[int, float] | None
    """(k, pass@k) of first attempts, where tasks were repeated k times."""
    reward: float
    components: dict[str, float]
    tokens: int
    """Like cost and times: of all that this run executed, earlier epochs and measurements included."""
    cost_usd: float | None
    """None when a price is unknown."""
    model_s: float
    sandbox_s: float


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """Held-out tasks of one split, measured once."""

    split: str
    episodes: int
    """Train episodes before it."""
    solved: Rate


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """Everything that a report shows."""

    run: RunRow
    splits: list[SplitSummary]
    """One per split that has results, and "all" where there are several."""
    curve: list[CurvePoint]
    episodes: list[tuple[str, FinishedEpisode]] = field(repr=False)
    """(phase, row), in the order of the run."""
    care: list[tuple[int, CareCounts]]
    """(train batches before it, what it did) for every round of memory care."""
    reused: int
    """Results that were in the ledger already: this run paid nothing for them."""
    failures: list[Failure]
    forks: list[str]
    """Runs that were forked from it."""
    worst: list[FinishedEpisode]
    """The lowest rewards of what the tables count."""
    model_use: list[ModelUse]
    traces: tuple[int, int]
    """How many arrived at LangSmith, how many are kept here alone; (0, 0) where none were sent."""

    def care_in_all(self) -> dict[str, float]:
        """Return what memory care did: sums over the rounds; groups and their stability as of the last one."""
        sums: dict[str, float] = {
            name: sum(float(counts.get(name, 0)) for _, counts in self.care) for name in CARE_COUNTS
        }
        last = self.care[-1][1] if self.care else {}
        return {**sums, "groups": last.get("groups", 0), "stability": last.get("stability", 1.0)}


def summarise(ledger: Ledger, run_id: str) -> RunSummary:
    """Compute a run's summary; raises SetupError when there is no such run."""
    run = ledger.run(run_id)
    if run is None:
        raise SetupError(f"no run {run_id!r} in this home; `ratchet runs` lists them")
    episodes = ledger.episodes_of(run["run_id"])
    counted = counted_of(episodes)
    executed = ledger.ran_itself(run["run_id"])
    spent = list({row["episode_id"]: row for _, row in episodes if row["episode_id"] in executed}.values())
    unsolved = {row["task"]: row for row in counted if not row["solved"]}  # one line per task
    return RunSummary(
        run=run,
        splits=_splits(counted, spent),
        curve=_curve(episodes),
        care=ledger.care_of(run["run_id"]),
        episodes=episodes,
        reused=len(episodes) - len(spent),
        failures=ledger.failures_of(run["run_id"]),
        forks=ledger.forks_of(run["run_id"]),
        model_use=model_uses(ledger.model_use(run["run_id"])),
        traces=ledger.traces(run["run_id"]),
        worst=sorted(unsolved.values(), key=lambda row: (row["reward"], row["task_id"], row["repeat"]))[:WORST],
    )


def counted_of(episodes: Sequence[tuple[str, FinishedEpisode]]) -> list[FinishedEpisode]:
    """Return the rows that rates are computed from: the last epoch of each train task, the last measurement.

    Earlier ones are not samples of the same thing: something was learned in between.
    """
    last = {(row["split"], row["task"]): phase for phase, row in episodes}  # phases come in order
    return [row for phase, row in episodes if last[row["split"], row["task"]] == phase]


def _splits(counted: Sequence[FinishedEpisode], spent: Sequence[FinishedEpisode]) -> list[SplitSummary]:
    """Summarise every split that has results, and all of them where there are several."""
    present = [split for split in SPLITS if _of(split, counted)]
    splits = [_split_summary(split, _of(split, counted), _of(split, spent)) for split in present]
    return [*splits, _split_summary("all", counted, spent)] if len(splits) > 1 else splits


def _of(split: str, rows: Sequence[FinishedEpisode]) -> list[FinishedEpisode]:
    return [row for row in rows if row["split"] == split]


def _split_summary(split: str, rows: Sequence[FinishedEpisode], spent: Sequence[FinishedEpisode]) -> SplitSummary:
    first, solved = (_outcomes_by_task(rows, kind) for kind in ("solved_first", "solved"))
    return SplitSummary(
        split=split,
        tasks=len(first),
        first=_rate(first),
        solved=_rate(solved),
        at_k=_at_k(first),
        reward=fmean(row["reward"] for row in rows),
        components=_mean_components(rows),
        tokens=sum(row["prompt_tokens"] + row["completion_tokens"] for row in spent),
        cost_usd=total_cost([row["cost_usd"] for row in spent]),
        model_s=sum(row["model_s"] for row in spent),
        sandbox_s=sum(row["sandbox_s"] for row in spent),
    )


def _outcomes_by_task(rows: Sequence[FinishedEpisode], kind: Literal["solved_first", "solved"]) -> list[list[int]]:
    by_task: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_task[row["task"]].append(row[kind])
    return list(by_task.values())


def _at_k(first: Sequence[Sequence[int]]) -> tuple[int, float] | None:
    """Return k and pass@k; k is the least number of repeats, so that every task has that many to draw from."""
    k = min(map(len, first))
    return (k, fmean(pass_at_k(len(outcomes), sum(outcomes), k) for outcomes in first)) if k > 1 else None


def _mean_components(rows: Sequence[FinishedEpisode]) -> dict[str, float]:
    names = sorted({name for row in rows for name in row["components"]})
    return {name: fmean(row["components"].get(name, 0.0) for row in rows) for name in names}


def _rate(by_task: Iterable[Sequence[int]]) -> Rate:
    """Return the share of successes; tasks tried several times are the sample, not their trials."""
    tasks = [list(outcomes) for outcomes in by_task]
    successes, n = sum(map(sum, tasks)), sum(map(len, tasks))
    repeated = any(len(outcomes) > 1 for outcomes in tasks)
    low, high = clustered([fmean(outcomes) for outcomes in tasks]) if repeated else wilson(successes, n)
    return Rate(successes=successes, n=n, low=low, high=high)


def _curve(episodes: Sequence[tuple[str, FinishedEpisode]]) -> list[CurvePoint]:
    """Return the measurements in order: a phase "held_out:n" was measured after n train batches."""
    measured: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    train: dict[str, int] = defaultdict(int)
    for phase, row in episodes:
        kind, _, batch = phase.partition(":")
        if kind == "train":
            train[batch] += 1
        else:
            measured[batch, row["split"]][row["task"]].append(row["solved"])
    return [
        CurvePoint(
            split=split,
            episodes=sum(count for batch, count in train.items() if batch < at),
            solved=_rate(by_task.values()),
        )
        for (at, split), by_task in sorted(measured.items())
    ]


def controls_of(settings: JsonMapping) -> list[str]:
    """Say in which ways a run is a control: what a usual one has and this one has not."""
    said = {
        "without memories": settings["memories"] == 0,
        "with shuffled memories": settings.get("shuffle_memories", False),
        "without skills": not settings.get("skills", True),
    }
    return [words for words, holds in said.items() if holds]
