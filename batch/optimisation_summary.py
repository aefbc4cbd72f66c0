"""What an optimisation came to, computed from what it noted: the same steps give the same summary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean

from checkpoints.ledger import Ledger
from checkpoints.optimisations import OptimisationLog, StepKind
from optimization.budget import total_spent
from optimization.pareto import selection_weights
from prompts.difference import differences
from prompts.registry import PromptRegistry
from state.errors import SetupError
from state.json_values import JsonMapping, JsonObject
from state.ledger import RunRow
from state.optimization import Spend


@dataclass(frozen=True, kw_only=True)
class CandidateSummary:
    """A member of the pool."""

    index: int
    prompt_set: str
    parents: list[int]
    proposer: str
    iteration: int
    why: str
    validation: float
    """Mean score over the validation tasks."""
    front: int
    """Validation tasks on which no other candidate is better, where it is not dispensable; 0: dominated."""
    gate: str
    """What the gate said; "" for the first."""
    diff: dict[str, list[str]]
    """Changes against its first parent, by component."""


@dataclass(frozen=True, kw_only=True)
class IterationSummary:
    """What became of one iteration."""

    iteration: int
    proposer: str
    parent: int
    decision: str
    why: str
    pairs: int


@dataclass(frozen=True, kw_only=True)
class OptimisationSummary:
    """Everything that a report shows."""

    run: RunRow
    proposers: list[str]
    candidates: list[CandidateSummary]
    iterations: list[IterationSummary]
    failures: int
    """Proposals that raised, hung, or could not be used: counted apart from children that were no better."""
    spend: Spend
    ending: JsonMapping | None = field(repr=False)
    """None while it goes on: reason, promoted, best, verdict, test."""

    @property
    def total(self) -> dict[str, float]:
        """What was spent in all."""
        return total_spent(self.spend)

    @property
    def best(self) -> CandidateSummary:
        """The candidate of the highest validation score, the oldest of equals."""
        return max(self.candidates, key=lambda c: (c.validation, -c.index))

    @property
    def ending_reason(self) -> str:
        """Why it ended; "" while it goes on."""
        return str(self.ending["reason"]) if self.ending else ""

    @property
    def verdict_line(self) -> str:
        """What was promoted, and on what evidence."""
        if self.ending is None:
            return "not finished"
        verdict = self.ending["verdict"]
        if verdict is None:
            return "nothing promoted: no candidate has a higher validation score than the first"
        figures = (
            f"validation {verdict['mean_difference']:+.4f} on {verdict['n']} tasks, {verdict['wins']} better, "
            f"{verdict['losses']} worse, p {verdict['p']:.4f} at alpha {verdict['alpha']:.4f}"
        )
        decision = self.ending.get("decision")
        if decision and not decision["approved"]:
            return f"nothing promoted, a person refused it: {figures}"
        if self.ending["promoted"] == self.candidates[0].prompt_set:
            return f"nothing promoted, no significant change: {figures}"
        return f"promoted {self.ending['promoted'][:10]}: {figures}"

    @property
    def test_lines(self) -> list[str]:
        """Baseline against promoted on the untouched test tasks, with paired 95 % intervals."""
        test = (self.ending or {}).get("test") or {}
        if "solved" not in test:
            return [f"test tasks not measured: {test['short']}"] if test else []
        before, after = test["solved"]
        lines = [f"solved {before} -> {after} of {test['n']}"]
        names = {"solve_rate": "solve rate", "reward": "reward", "halvings": "halvings of the search effort"}
        return lines + [_interval(title, test[name]) for name, title in names.items() if name in test]

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from batch.optimisation_report import optimisation_html

        return optimisation_html(self, whole=False)


def _interval(title: str, found: Mapping[str, float | None]) -> str:
    if found["low"] is None or found["high"] is None:
        return f"{title} {found['mean']:+.3f} (too few tasks for an interval)"
    zero = "" if found["low"] > 0 or found["high"] < 0 else ": includes zero, no significant difference"
    return f"{title} {found['mean']:+.3f}, 95 % interval {found['low']:+.3f} to {found['high']:+.3f}{zero}"


def begun(ledger: Ledger, log: OptimisationLog, run_id: str) -> tuple[RunRow, list[tuple[int, StepKind, JsonObject]]]:
    """Return an optimisation and its steps so far; raises SetupError when there is none, or it has not begun."""
    run = ledger.run(run_id)
    steps = log.steps(run["run_id"]) if run else []
    if run is None or not steps:
        raise SetupError(f"no optimisation {run_id!r} in this home; `ratchet runs` lists them")
    return run, steps


def summarise_optimisation(
    ledger: Ledger, log: OptimisationLog, prompts: PromptRegistry, run_id: str
) -> OptimisationSummary:
    """Compute a summary; raises SetupError when there is no such optimisation, or it has not begun."""
    run, steps = begun(ledger, log, run_id)
    begin = steps[0][2]
    records = [(number, record) for number, kind, record in steps if kind == "iteration"]
    ending = next((record for _, kind, record in steps if kind == "end"), None)
    last = ending or (records[-1][1] if records else begin)
    return OptimisationSummary(
        run=run,
        proposers=begin["proposers"],
        candidates=_candidates(begin, records, prompts),
        iterations=[_iteration(number, record) for number, record in records],
        failures=sum(bool(record.get("failed")) for _, record in records),
        spend=last["spend"],
        ending=ending,
    )


def _iteration(number: int, record: JsonMapping) -> IterationSummary:
    return IterationSummary(
        iteration=number,
        proposer=record["proposer"],
        parent=record["parent"],
        decision=record["decision"],
        why=record["why"],
        pairs=record.get("gate", {}).get("n", 0),
    )


def _candidates(
    begin: JsonMapping, records: list[tuple[int, JsonObject]], prompts: PromptRegistry
) -> list[CandidateSummary]:
    first = {**begin, "child": begin["prompt_set"], "parents": [], "proposer": "seed", "why": "", "gate": {}}
    found = [(0, first), *((number, record) for number, record in records if record.get("validation"))]
    weights = selection_weights([record["validation"] for _, record in found])
    texts = [prompts.get(record["child"])["components"] for _, record in found]
    return [
        CandidateSummary(
            index=index,
            prompt_set=record["child"],
            parents=record["parents"],
            proposer=record["proposer"],
            iteration=number,
            why=record["why"],
            validation=fmean(record["validation"].values()),
            front=weights.get(index, 0),
            gate=record["gate"].get("reason", ""),
            diff=differences(texts[record["parents"][0]], texts[index]) if record["parents"] else {},
        )
        for index, (number, record) in enumerate(found)
    ]
