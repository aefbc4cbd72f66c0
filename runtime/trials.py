"""What the nodes of an optimisation share: which tasks teach and which judge, the rule, how a trial ends."""

from collections.abc import Sequence

from optimization.gate import GateRule
from optimization.turns import after_acceptance, after_refusal
from proposers.protocol import Proposer
from proposers.registry import make_proposer, proposer_names
from runtime.context import Context
from runtime.rollouts import Rollouts, Wanted
from state.json_values import JsonMapping
from state.learning import TaskEntry
from state.optimization import OptimizationRef, Pair, PoolEntry, Spend, Tally, Trial

TEACHING_SHARE = 3 / 4  # of the train tasks, for a proposer that wants to see a number of them, at most
APART = 8  # tasks by which the gate's order of one iteration is ahead of that of the one before


def names_of(context: Context) -> tuple[str, ...]:
    """Return the proposers' names in the order of their turns."""
    settings = context.settings
    role = settings.roles.get("reflect")
    return proposer_names(settings.optimiser.proposers, role.model if role else settings.model)


def proposer_of(name: str, context: Context) -> Proposer:
    """Return a proposer; raises SetupError when there is none of that name."""
    return make_proposer(name, context.settings.optimiser.examples)


def teaching_tasks(iteration: int, wanted: int | None, rollouts: Rollouts) -> list[TaskEntry]:
    """Return the train tasks whose rollouts a proposer may see in an iteration.

    wanted: so many, and never all, since the others judge; None: all, and validation tasks judge.
    """
    train = rollouts.entries("train")
    count = len(train) if wanted is None else min(wanted, max(1, round(len(train) * TEACHING_SHARE)))
    return rollouts.order(train, iteration, count, count)[:count] if count else []


def began_in(tally: Tally, trial: Trial) -> int:
    """Return the iteration by which the tasks are drawn: that of the first draft, where there are drafts."""
    return trial.get("began", tally["iteration"])


def made_in(tally: Tally, trial: Trial) -> int:
    """Return the iteration in which the child was proposed: an earlier one, where the child is a draft."""
    drafts = trial.get("drafts", [])
    return began_in(tally, trial) + drafts.index(trial["child"]) if trial["child"] in drafts else tally["iteration"]


def learner_of(trial: Trial, pool: Sequence[PoolEntry]) -> str:
    """Return the prompt set from whose rollouts the proposer learns: the latest draft, or the parent."""
    drafts = trial.get("drafts", [])
    return drafts[-1] if drafts else pool[trial["parent"]]["prompt_set"]


def judging_tasks(tally: Tally, trial: Trial, rollouts: Rollouts, context: Context) -> list[TaskEntry]:
    """Return the tasks on which the gate compares, in the order in which it asks for them.

    None of them taught the child or a draft of it: what a proposer has read says nothing about what it is good for.
    They are train tasks, or the validation tasks where all train tasks teach.
    """
    iteration, wanted = began_in(tally, trial), proposer_of(trial["proposer"], context).examples
    if wanted is None:
        validation = rollouts.entries("validation")
        return rollouts.order(validation, iteration, min(APART, len(validation)), len(validation))
    taught = teaching_tasks(iteration, wanted, rollouts)
    seen = {entry["task_id"] for entry in taught}
    rest = [entry for entry in rollouts.entries("train") if entry["task_id"] not in seen]
    return rollouts.order(rest, iteration, min(APART, len(rest)), len(rest)) if rest else taught


def tried_on_validation(ref: OptimizationRef, pool: Sequence[PoolEntry], context: Context) -> int:
    """Return how many children validation tasks were asked about: the pool's, and those refused by them."""
    steps = context.optimisations.steps(ref["run_id"])
    rejected = [r["proposer"] for _, kind, r in steps if kind == "iteration" and r["decision"] == "reject"]
    return len(pool) - 1 + sum(proposer_of(name, context).examples is None for name in rejected)


def gate_rule(pairs: int, context: Context) -> GateRule:
    """Return the acceptance rule for at most so many pairs."""
    o = context.settings.optimiser
    rule = GateRule(alpha=o.alpha, first=min(o.gate_first, o.gate_cap), step=o.gate_step, cap=o.gate_cap)
    return rule.capped(pairs)


def pairs_of(parent: str, child: str, tasks: list[TaskEntry], rollouts: Rollouts) -> list[Pair]:
    """Return both scores by task; None where a rollout has no result.

    They may be another process's: this one may have begun after they were run.
    """
    rollouts.missing([Wanted(prompt_set, entry) for entry in tasks for prompt_set in (parent, child)])
    return [
        {
            "task_id": entry["task_id"],
            "parent": rollouts.score(Wanted(parent, entry)),
            "child": rollouts.score(Wanted(child, entry)),
        }
        for entry in tasks
    ]


def refused(tally: Tally, trial: Trial, candidates: int, context: Context) -> Tally:
    """Return the counters after a child that was not accepted, or that was never made.

    Where there is only one candidate to propose anything for, a proposer that has nothing hands over at once.
    """
    exhausted = not trial["child"] and candidates == 1
    return after_refusal(tally, len(names_of(context)), context.settings.optimiser.patience, exhausted=exhausted)


def accepted(tally: Tally) -> Tally:
    """Return the counters after a child that was accepted."""
    return after_acceptance(tally)


def note_iteration(
    ref: OptimizationRef, tally: Tally, trial: Trial, record: JsonMapping, spend: Spend, context: Context
) -> None:
    """Keep what became of an iteration, for reports, and tell whoever watches."""
    whole = {**trial, **record, "spend": spend}
    context.optimisations.note(ref["run_id"], tally["iteration"], "iteration", whole)
    what = f"iteration {tally['iteration']}, {trial['proposer']}: {trial['decision'] or 'none'}"
    context.events({"kind": "optimised", "detail": f"{what}. {record.get('why', '')}".strip()})
