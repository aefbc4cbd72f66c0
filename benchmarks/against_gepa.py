"""Our optimiser and gepa's, side by side: the same katas, offline model, proposers, score and budget of rollouts.

    python -m benchmarks.against_gepa [--seeds 5] [--first 2303] [--rollouts 800] [--minibatches 3,24,85]
    python -m benchmarks.against_gepa --shuffled --seeds 5

Every seed makes katas of its own, and both begin with empty skills, without memory. gepa (extra `gepa`, or the
development group) gets our rollouts by its adapter, and our proposers as its custom one: `skill_lines`, and
`drop_lines` where that has nothing new; they see what its minibatch shows. It accepts what has the greater sum on the
minibatch and returns the best mean of the validation tasks. Everything else is its default; its minibatch is tried in
several sizes (3 is its default). Both may spend the same number of rollouts on train and validation tasks (gepa: metric
calls, as it counts them itself; an iteration that might go over is not begun). The test tasks are measured afterwards,
apart from the budget, for the first prompt set and the one that each of them returns.
--shuffled: the control of benchmarks/optimisation.py: results that do not depend on prompts. Whatever is returned
instead of the first prompt set is a false promotion.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from gepa.api import optimize
from gepa.core.adapter import EvaluationBatch, ProposalFn
from gepa.core.result import GEPAResult
from gepa.utils import MaxCandidateProposalsStopper

from batch.optimisation_summary import summarise_optimisation
from batch.optimise import OptimisationRun, plan_optimisation
from benchmarks.learning import tasks_for
from benchmarks.optimisation import Shuffled
from models.call import Address
from models.roles import Question
from nodes.promote import compared
from optimization.intervals import paired_difference
from prompts.registry import prompt_set_of
from proposers.drop_lines import DropLines
from proposers.protocol import Example, Request
from proposers.skill_lines import SkillLines
from runtime.build import Services, open_services
from runtime.context import BatchResult, RunEpisodes
from runtime.rollouts import Rollouts, Wanted, rollouts_of
from runtime.settings import load_settings
from state.episode import EpisodeSpec
from state.json_values import JsonMapping, JsonObject
from state.learning import TaskEntry
from state.ledger import FinishedEpisode
from state.message import Message
from state.task import view_of

Candidate = dict[str, str]
MOST_ITERATIONS = 2_000  # of gepa: those without a proposal cost it nothing but time


class NothingToProposeError(Exception):
    """No proposer has anything new for this parent and minibatch."""


class Silent:
    """A logger for gepa that says nothing."""

    def log(self, message: str) -> None:
        """Take a message."""


@dataclass
class Computed:
    """What the deterministic model has answered in another contender's run: computed once, booked for everybody."""

    rows: dict[str, FinishedEpisode] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def within(self, services: Services, real: RunEpisodes) -> RunEpisodes:
        """Return a runner for one contender's home."""

        def run(specs: Sequence[EpisodeSpec], phase: str) -> BatchResult:
            new = [spec for spec in specs if spec["episode_id"] not in self.rows]
            done: BatchResult = real(new, phase) if new else {"finished": [], "unscored": []}
            for row in done["finished"]:
                self.rows[row["episode_id"]] = row
                self.texts |= {address: services.contents.get(address) for address in _texts_of(row)}
            for position, spec in enumerate(specs):
                if spec not in new:
                    row = self.rows[spec["episode_id"]]
                    services.contents.put(*[self.texts[address] for address in _texts_of(row)])
                    services.ledger.record(row, spec["run_id"], phase, position, had_failed=False)
                    done["finished"].append(row)
            return done

        return run


def _texts_of(row: FinishedEpisode) -> list[str]:
    outcome = row["outcome"]
    return [address for address in (outcome["code"], outcome.get("report", "")) if address]


@dataclass
class Adapter:
    """What gepa asks: scores of a candidate's rollouts, and a new text from our proposers."""

    run: OptimisationRun
    services: Services
    rollouts: Rollouts
    seed: int
    proposals: int = 0
    seconds: float = 0.0
    tried: list[Candidate] = field(default_factory=list)
    phases: Iterator[int] = field(default_factory=count)
    propose_new_texts: ProposalFn | None = None  # gepa takes `propose` as its custom proposer instead

    def prompt_set(self, candidate: Mapping[str, str]) -> str:
        """Return the prompt set of a candidate, kept in the home."""
        whole = {**self.first, **candidate}
        return self.services.prompts.save(prompt_set_of(whole), author="gepa", parents=[], created_at=0.0)

    @property
    def first(self) -> Mapping[str, str]:
        """The components with which it begins."""
        return self.services.prompts.get(self.run.plan.ref["prompt_set"])["components"]

    def evaluate(
        self, batch: list[TaskEntry], candidate: Candidate, capture_traces: bool = False
    ) -> EvaluationBatch[Example, str]:
        """Run a candidate on tasks; what it was run on before is read, which gepa counts as a call all the same."""
        prompt_set = self.prompt_set(candidate)
        wanted = [Wanted(prompt_set, entry) for entry in batch]
        self.rollouts.run(wanted, f"gepa:{next(self.phases)}", "gepa", {})
        self.seconds += sum(row["wall_s"] for row in self.rollouts.rows(wanted).values())
        examples = self._examples(wanted)
        scores = [example.score for example in examples]
        return EvaluationBatch([e.code for e in examples], scores, examples if capture_traces else None)

    def _examples(self, wanted: Sequence[Wanted]) -> list[Example]:
        rows = self.rollouts.rows(wanted)
        found = []
        for one in wanted:
            row, task = rows[one.key], self.services.tasks.get(one.entry["task"])
            code, score = row["outcome"]["code"], self.rollouts.score(one)
            text = self.services.contents.get(code) if code else ""
            found.append(
                Example(view=view_of(task), code=text, solved=bool(row["solved"]), score=score or 0.0, outcome="")
            )
        return found

    def make_reflective_dataset(
        self, candidate: Candidate, eval_batch: EvaluationBatch[Example, str], components_to_update: list[str]
    ) -> Mapping[str, Sequence[JsonMapping]]:
        """Hand the minibatch on to the proposer."""
        examples = [{"example": example} for example in eval_batch.trajectories or []]
        return dict.fromkeys(components_to_update, examples)

    def propose(
        self,
        candidate: Candidate,
        reflective_dataset: Mapping[str, Sequence[JsonMapping]],
        components_to_update: list[str],
    ) -> Candidate:
        """Ask our proposers in turn; raises NothingToProposeError, upon which gepa skips the iteration."""
        self.proposals += 1
        request = Request(
            components={**self.first, **candidate},
            component="skills",
            examples=[record["example"] for record in reflective_dataset["skills"]],
            pool=[],
            parents=[],
            scores=[],
            tried_merges=[],
            refused=self.tried,
            seed=self.seed,
            index=self.proposals,
            ask=self._ask,
        )
        for proposer in (SkillLines(), DropLines()):
            proposal = proposer.propose(request)
            if proposal is not None and dict(proposal.components) not in self.tried:
                self.tried.append(dict(proposal.components))
                return dict(proposal.components)
        raise NothingToProposeError

    def _ask(self, messages: Sequence[Message]) -> str:
        number = self.proposals
        address = Address(task_id="proposer/gepa", prompt="", repeat=number, attempt=0)
        question = Question(
            messages=messages, run_id=self.run.plan.run_id, cause=str(number), sample=number, address=address
        )
        return self.services.models.ask("reflect", question).text


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one optimiser came to in one seed."""

    rollouts: int
    """On train and validation tasks."""
    accepted: int
    tried: int
    seconds: float
    """That these rollouts took, each by itself."""
    changed: bool
    """It returns another prompt set than the first."""
    test: JsonMapping
    """Solved before and after, intervals; {} in the control."""
    after: list[float]
    """Solved, by test task, with what it returns."""


@contextmanager
def opened(
    seed: int, options: argparse.Namespace, optimiser: JsonObject, computed: Computed
) -> Iterator[tuple[OptimisationRun, Services, Rollouts]]:
    """Open an optimisation of a seed's katas in a folder of its own; the test tasks are measured by us, not by it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = load_settings(
            home=folder, seed=seed, budget=options.budget, attempts=1, memories=0, concurrency=2, optimiser=optimiser
        )
        services = open_services(settings)
        try:
            tasks = tasks_for(seed, folder, fresh=True)
            run = OptimisationRun(plan_optimisation(services, tasks, "katas", measure_test=False), services)
            try:
                run.context = replace(run.context, run_episodes=computed.within(services, run.context.run_episodes))
                if options.shuffled:
                    drawn = Shuffled(run.context.run_episodes, services.ledger, run.plan.ref["prompt_set"], seed)
                    run.context = replace(run.context, run_episodes=drawn)
                yield run, services, rollouts_of(run.plan.ref, run.context)
            finally:
                run.close()
        finally:
            services.close()


def ours(seed: int, options: argparse.Namespace, computed: Computed) -> Outcome:
    """Optimise with our graph and its default settings."""
    settings = {"budget": {"rollouts": options.rollouts}}
    with opened(seed, options, settings, computed) as (run, services, rollouts):
        promoted = run.drive()["ending"]["promoted"]
        summary = summarise_optimisation(services.ledger, services.optimisations, services.prompts, run.plan.run_id)
        return Outcome(
            rollouts=int(summary.total["rollouts"]),
            accepted=len(summary.candidates) - 1,
            tried=sum(iteration.decision != "none" for iteration in summary.iterations),
            seconds=summary.total["seconds"],
            changed=promoted != run.plan.ref["prompt_set"],
            **tested(promoted, run, rollouts, options),
        )


def theirs(seed: int, minibatch: int, options: argparse.Namespace, computed: Computed) -> Outcome:
    """Optimise with gepa, which keeps the budget itself."""
    with opened(seed, options, {}, computed) as (run, services, rollouts):
        adapter = Adapter(run, services, rollouts, seed)
        most = 2 * minibatch + len(rollouts.entries("validation"))  # of an iteration: gepa looks between them only
        result: GEPAResult[str, int] = optimize(
            seed_candidate={"skills": adapter.first["skills"]},
            trainset=rollouts.entries("train"),
            valset=rollouts.entries("validation"),
            adapter=adapter,
            custom_candidate_proposer=adapter.propose,
            reflection_minibatch_size=minibatch,
            max_metric_calls=options.rollouts - most + 1,
            stop_callbacks=MaxCandidateProposalsStopper(MOST_ITERATIONS),
            seed=seed,
            logger=Silent(),
            raise_on_exception=False,
        )
        best = adapter.prompt_set(result.candidates[result.best_idx])
        return Outcome(
            rollouts=result.total_metric_calls or 0,
            accepted=len(result.candidates) - 1,
            tried=len(adapter.tried),
            seconds=adapter.seconds,
            changed=best != run.plan.ref["prompt_set"],
            **tested(best, run, rollouts, options),
        )


def tested(returned: str, run: OptimisationRun, rollouts: Rollouts, options: argparse.Namespace) -> JsonObject:
    """Measure the first prompt set and the returned one on the test tasks, outside the budget."""
    if options.shuffled:
        return {"test": {}, "after": []}
    first, entries = run.plan.ref["prompt_set"], rollouts.entries("test")
    wanted = [Wanted(one, entry) for entry in entries for one in dict.fromkeys((first, returned))]
    rollouts.budget = {}
    rollouts.run(wanted, "after:test", "test", {})
    rows = rollouts.rows(wanted)
    after = [float(rows[returned, entry["task_id"], 0]["solved"]) for entry in entries]
    return {"test": compared(first, returned, rollouts), "after": after}


def report(seed: int, name: str, found: Outcome, ours_after: Sequence[float]) -> None:
    """Print a row of the table."""
    cells = [str(seed), name, str(found.rollouts), f"{found.accepted} of {found.tried}"]
    each = [f"{total / found.accepted:.0f}" if found.accepted else "" for total in (found.rollouts, found.seconds)]
    cells += [each[0], each[1], "yes" if found.changed else "no"]
    if found.after:
        before, after = found.test["solved"]
        cells.append(f"{before} -> {after}")
        cells.append(
            _words(found.test["solve_rate"]["mean"], found.test["solve_rate"]["low"], found.test["solve_rate"]["high"])
        )
        ahead = paired_difference(found.after, ours_after)
        cells.append("" if name == "ratchet" else _words(ahead.mean, ahead.low, ahead.high))
    print(f"| {' | '.join(cells)} |", flush=True)


def _words(mean: float, low: float, high: float) -> str:
    return f"{mean:+.3f} ({low:.3f} to {high:.3f})"


def summary(found: Mapping[str, Sequence[Outcome]]) -> None:
    """Print what each came to over all seeds; tasks of all seeds are paired."""
    print()
    mine = _after(found["ratchet"])
    for name, outcomes in found.items():
        rollouts, accepted = sum(o.rollouts for o in outcomes), sum(o.accepted for o in outcomes)
        seconds, changed = sum(o.seconds for o in outcomes), sum(o.changed for o in outcomes)
        line = f"{name}: another prompt set than the first in {changed} of {len(outcomes)} seeds; {accepted} accepted"
        if accepted:
            line += f", {rollouts / accepted:.0f} rollouts and {seconds / accepted:.0f} s for each"
        if mine:
            line += _gains(outcomes, len(mine), rollouts)
        if mine and name != "ratchet":
            ahead = paired_difference(_after(outcomes), mine)
            line += f"; ratchet is ahead by {_words(*ahead[:3])} of the solve rate"
        print(line)


def _after(outcomes: Sequence[Outcome]) -> list[float]:
    return [score for outcome in outcomes for score in outcome.after]


def _gains(outcomes: Sequence[Outcome], n: int, rollouts: int) -> str:
    gained = sum(o.test["solved"][1] - o.test["solved"][0] for o in outcomes)
    each = f", {rollouts / gained:.1f} rollouts for each" if gained > 0 else ""
    return f"; {gained} test tasks gained of {n}{each}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=2303, help="the first seed")
    parser.add_argument("--rollouts", type=int, default=800, help="that each may spend on train and validation tasks")
    parser.add_argument("--budget", type=int, default=2_000, help="candidates per answer of the offline model")
    parser.add_argument("--minibatches", default="3,24,85", help="of gepa, comma separated")
    parser.add_argument("--shuffled", action="store_true")
    options = parser.parse_args()
    heads = ["seed", "optimiser", "rollouts", "accepted", "rollouts each", "s each", "another prompt set"]
    heads += [] if options.shuffled else ["test, solved", "solve rate", "ratchet ahead by"]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|", flush=True)
    found: dict[str, list[Outcome]] = {}
    for seed in range(options.first, options.first + options.seeds):
        computed = Computed()
        mine = ours(seed, options, computed)
        report(seed, "ratchet", mine, mine.after)
        found.setdefault("ratchet", []).append(mine)
        for minibatch in map(int, options.minibatches.split(",")):
            peer = theirs(seed, minibatch, options, computed)
            name = f"gepa, minibatch {minibatch}"
            report(seed, name, peer, mine.after)
            found.setdefault(name, []).append(peer)
    summary(found)


if __name__ == "__main__":
    main()
