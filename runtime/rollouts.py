"""Rollouts: episodes that score candidates. What the ledger has is read; what is missing is run and paid for once."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from checkpoints.ledger import Paid
from optimization.budget import Budget, Cost, charged, checked_budget, shortage
from optimization.minibatches import minibatch
from optimization.overlap import Answers, answers_of
from optimization.pareto import mean_scores, selection_weights
from runtime.context import Context
from runtime.episodes import rollout_spec
from state.episode import EpisodeSpec
from state.errors import ExhaustedError, SetupError, TransientError
from state.learning import TaskEntry
from state.ledger import FinishedEpisode
from state.optimization import OptimizationRef, PoolEntry, Spend
from state.task import SPLITS, Split

Measure: TypeAlias = Literal["auto", "reward", "solved", "effort"]
ORDERS = 16  # orders of tasks kept at hand
LOST = 8  # rollouts in a row without a result, in batches that got none: the model is down
Key: TypeAlias = tuple[str, str, int]
"""Prompt set, task id, repeat."""


@dataclass(frozen=True)
class Wanted:
    """A candidate on a task."""

    prompt_set: str
    entry: TaskEntry
    repeat: int = 0

    @property
    def key(self) -> Key:
        """What its score is found by."""
        return self.prompt_set, self.entry["task_id"], self.repeat


class Front(NamedTuple):
    """Who of a pool is drawn as a parent, and how good each is."""

    weights: dict[int, int]
    """By index: on how many validation tasks no other is better; who is dispensable is missing."""
    means: list[float]
    """By index: mean score."""


def score_of(row: FinishedEpisode, measure: Measure = "auto") -> float:
    """Return what candidates are compared by, in [0, 1]; more is better.

    effort: 1 - log(tried) / log(2 * limit) where the task was solved, 0 where it was not: an unsolved task counts as
    if it had taken twice the most that it may take (PAR2, as in SAT competitions). So a difference of
    1 / log2(2 * limit) is half the work. auto: effort where the model reports it, else the reward.
    Raises SetupError for a missing effort.
    """
    effort = row["outcome"].get("effort")
    if measure == "effort" and effort is None:
        raise SetupError(f"{row['model']} does not report its effort: choose another score in [optimiser]")
    if measure == "solved":
        return float(row["solved"])
    if measure == "reward" or effort is None:
        return row["reward"]
    return 1 - math.log(effort["tried"]) / math.log(2 * effort["limit"]) if row["solved"] else 0.0


class Rollouts:
    """The rollouts of one optimisation, their scores kept at hand: rows of the ledger never change."""

    def __init__(self, ref: OptimizationRef, context: Context) -> None:
        entries: list[TaskEntry] = json.loads(context.contents.get(ref["tasks"]))
        self._by_split = {split: [e for e in entries if e["split"] == split] for split in SPLITS}
        self._ref = ref
        self._context = context
        self._scores: dict[str, dict[tuple[str, int], float]] = {}
        self._vectors: dict[str, dict[str, float]] = {}
        self._fronts: tuple[list[str], Front] = ([], Front({}, [0.0]))
        self._orders: dict[tuple[int, int, str], list[TaskEntry]] = {}
        self._paid_phases = context.ledger.paid_phases(ref["run_id"])
        self._lost = 0
        self.budget = budget_of(context)

    def entries(self, split: Split) -> list[TaskEntry]:
        """Return the tasks of a split, in the order of the file."""
        return self._by_split[split]

    @cached_property
    def answers(self) -> list[Answers]:
        """What no prompt may copy: the answers of all train tasks."""
        return [answers_of(self._context.tasks.get(entry["task"])) for entry in self.entries("train")]

    def order(self, entries: Sequence[TaskEntry], iteration: int, first: int, count: int) -> list[TaskEntry]:
        """Return a minibatch of these tasks; asked for by several nodes of an iteration, drawn once."""
        key = iteration, len(entries), entries[0]["split"]
        if key not in self._orders:
            if len(self._orders) > ORDERS:
                self._orders.clear()
            by_id = {entry["task_id"]: entry for entry in entries}
            draws = minibatch(by_id, seed=self._ref["seed"], iteration=iteration, first=first, count=count)
            self._orders[key] = [by_id[draw.task_id] for draw in draws]
        return self._orders[key]

    def score(self, wanted: Wanted) -> float | None:
        """Return a score that is at hand; None where there is no result."""
        return self._scores.get(wanted.prompt_set, {}).get((wanted.entry["task_id"], wanted.repeat))

    def vector(self, prompt_set: str) -> dict[str, float]:
        """Return a validated candidate's score by validation task; a task without a result is missing."""
        if prompt_set not in self._vectors:
            wanted = [Wanted(prompt_set, entry) for entry in self.entries("validation")]
            self.missing(wanted)
            scores = {w.entry["task_id"]: self.score(w) for w in wanted}
            self._vectors[prompt_set] = {task_id: score for task_id, score in scores.items() if score is not None}
        return self._vectors[prompt_set]

    def front(self, pool: Sequence[PoolEntry]) -> Front:
        """Return the Pareto front of a pool over the validation tasks, computed anew when the pool is another.

        The scores of children that did not get into the pool are let go: nothing asks for them again.
        """
        sets = [entry["prompt_set"] for entry in pool]
        if self._fronts[0] != sets:
            vectors = [self.vector(one) for one in sets]
            self._fronts = sets, Front(selection_weights(vectors), mean_scores(vectors))
        self._scores = {one: self._scores[one] for one in sets if one in self._scores}
        return self._fronts[1]

    def rows(self, wanted: Iterable[Wanted]) -> dict[Key, FinishedEpisode]:
        """Return the rows that the ledger has."""
        keys = {self._spec(w)["episode_id"]: w.key for w in wanted}
        return {keys[episode_id]: row for episode_id, row in self._context.ledger.find(list(keys)).items()}

    def missing(self, wanted: Sequence[Wanted]) -> list[tuple[Wanted, EpisodeSpec]]:
        """Take what the ledger has; return what it lacks, each once, with the episode to be run."""
        unknown = {w.key: w for w in wanted if self.score(w) is None}
        specs = {spec["episode_id"]: (w, spec) for w, spec in ((w, self._spec(w)) for w in unknown.values())}
        found = self._context.ledger.find(list(specs)) if specs else {}
        self._keep((specs[episode_id][0], row) for episode_id, row in found.items())
        return [pair for episode_id, pair in specs.items() if episode_id not in found]

    def run(self, wanted: Sequence[Wanted], phase: str, purpose: str, spend: Spend) -> tuple[Spend, str]:
        """Run what the ledger lacks, as far as the budget goes.

        phase: one per call. What it has paid is read from the ledger and added to `spend`, which is what the phases
        before it have paid: so a first try, one after a kill and a replay come to the same.
        Returns the spend with this phase's; and why it stopped early, or "".
        The number of rollouts is checked before all of them; tokens, money and time between pieces as large as there
        are workers, so that only what is in flight goes over. Rollouts without a result are left out.
        Raises what the runner raises; TransientError only where LOST rollouts in a row got no result.
        """
        missing, spent = self.missing(wanted), self._paid(spend, phase, purpose)
        short = self.shortage(spent, len(missing)) if missing else ""
        size = self._context.settings.concurrency if set(self.budget) - {"rollouts"} else max(1, len(missing))
        while missing and not short:
            piece, missing = missing[:size], missing[size:]
            self._paid_phases.add(phase)  # before anything is: what breaks off may have paid
            finished = self._finished([spec for _, spec in piece], phase)
            wanted_of = {spec["episode_id"]: w for w, spec in piece}
            self._keep((wanted_of[row["episode_id"]], row) for row in finished)
            spent = self._paid(spend, phase, purpose)
            short = self.shortage(spent, len(missing)) if missing else ""
        return spent, short

    def _finished(self, specs: Sequence[EpisodeSpec], phase: str) -> Sequence[FinishedEpisode]:
        """Return what got a result. A few that get none say nothing of the model: they may be all that was missing."""
        try:
            done = self._context.run_episodes(specs, phase)
        except TransientError as error:
            self._lost += len(specs)
            if self._lost >= LOST or isinstance(error, ExhaustedError) or error.reason:
                raise
            return []
        self._lost = 0 if done["finished"] else self._lost + len(specs)
        return done["finished"]

    def shortage(self, spend: Spend, rollouts: int) -> str:
        """Say which limit so many more rollouts would meet; "" when they are affordable."""
        return shortage(spend, self.budget, {"rollouts": rollouts})

    def _paid(self, spend: Spend, phase: str, purpose: str) -> Spend:
        if phase not in self._paid_phases:
            return spend
        paid = self._context.ledger.paid(self._ref["run_id"], phase)
        return charged(spend, purpose, cost_of(paid)) if paid else spend

    def _keep(self, results: Iterable[tuple[Wanted, FinishedEpisode]]) -> None:
        measure = self._context.settings.optimiser.score
        for wanted, row in results:
            scores = self._scores.setdefault(wanted.prompt_set, {})
            scores[wanted.entry["task_id"], wanted.repeat] = score_of(row, measure)

    def _spec(self, wanted: Wanted) -> EpisodeSpec:
        return rollout_spec(self._ref, wanted.entry, wanted.repeat, wanted.prompt_set, self._context)


def rollouts_of(ref: OptimizationRef, context: Context) -> Rollouts:
    """Return the rollouts of an optimisation: one object per process, for what it keeps at hand."""
    kept = context.at_hand.get(ref["run_id"])
    if not isinstance(kept, Rollouts):
        kept = context.at_hand[ref["run_id"]] = Rollouts(ref, context)
    return kept


def cost_of(paid: Sequence[Paid]) -> Cost:
    """Add up what episodes cost; seconds are each episode's own, however many workers ran side by side."""
    prices = [p.cost_usd for p in paid]
    return {
        "rollouts": len(paid),
        "model_calls": sum(p.attempts for p in paid),
        "tokens": sum(p.tokens for p in paid),
        "cost_usd": None if None in prices else math.fsum(price for price in prices if price is not None),
        "seconds": math.fsum(p.wall_s for p in paid),
    }


def budget_of(context: Context) -> Budget:
    """Return the limits of the settings; raises SetupError for an unknown resource or no number."""
    try:
        return checked_budget(context.settings.optimiser.budget)
    except ValueError as error:
        raise SetupError(f"[optimiser] budget: {error}") from error
