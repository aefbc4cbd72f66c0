"""Asking a proposer: what it is shown, what that costs, what of its answer can be used."""

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from checkpoints.optimisations import ProposalRow, Refused
from models.call import Address
from models.roles import Question
from optimization.budget import Cost
from optimization.overlap import copied_answers, without_copies
from optimization.placeholders import repaired
from prompts.registry import PLACEHOLDERS, prompt_set_of
from proposers.protocol import Example, Proposal, Request
from runtime.context import Context
from runtime.rollouts import Rollouts
from runtime.trials import began_in, judging_tasks, learner_of, pairs_of, proposer_of, teaching_tasks
from state.errors import BudgetError, SetupError, StoppedError
from state.json_values import JsonMapping, JsonObject
from state.learning import TaskEntry
from state.message import Message
from state.optimization import OptimizationRef, PoolEntry, Spend, Tally, Trial
from state.prompt_set import PromptSet
from state.task import view_of

MAX_REFUSED = 64  # children of the parent, the latest, that a proposer is told of


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One proposer's turn: the state in which it is asked."""

    ref: OptimizationRef
    pool: Sequence[PoolEntry]
    tally: Tally
    trial: Trial
    rollouts: Rollouts
    context: Context

    @property
    def learner(self) -> str:
        """The prompt set that is to be improved: the parent, or the latest draft."""
        return learner_of(self.trial, self.pool)

    def components(self, prompt_set: str) -> dict[str, str]:
        """Return a prompt set's templates."""
        return self.context.prompts.get(prompt_set)["components"]

    def refused(self) -> Refused:
        """Return the children that were tried in vain."""
        return self.context.optimisations.refused(self.ref["run_id"])

    def teaching(self) -> list[TaskEntry]:
        """Return the tasks that the proposer learns from."""
        wants = proposer_of(self.trial["proposer"], self.context).examples
        return teaching_tasks(began_in(self.tally, self.trial), wants, self.rollouts)

    def draft_is_better(self) -> bool:
        """Tell whether the latest draft beats what it came from even on the tasks that taught it; True without one.

        That is no evidence that it is better: only that it is worth going on with. No judging task is looked at.
        """
        drafts = self.trial.get("drafts", [])
        if not drafts:
            return True
        before = [self.pool[self.trial["parent"]]["prompt_set"], *drafts][-2]
        tasks = self.teaching()
        pairs = pairs_of(before, drafts[-1], tasks, self.rollouts)
        gains = [p["child"] - p["parent"] for p in pairs if p["child"] is not None and p["parent"] is not None]
        return math.fsum(gains) > 0

    def may_go_on(self, spend: Spend) -> bool:
        """Tell whether a new draft is taught once more before it is judged, with the budget left for judging it."""
        done = len(self.trial.get("drafts", [])) + 1
        o, rounds = self.context.settings.optimiser, proposer_of(self.trial["proposer"], self.context).rounds
        if done >= rounds or self.tally["iteration"] >= o.iterations:
            return False
        judging = judging_tasks(self.tally, self.trial, self.rollouts, self.context)
        most = 2 * min(o.gate_cap, len(judging)) + len(self.rollouts.entries("validation"))
        return not self.rollouts.shortage(spend, len(self.teaching()) + most)


@dataclass
class Meter:
    """Asks the model of the role `reflect` and counts what that costs."""

    turn: Turn
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0

    def __call__(self, messages: Sequence[Message]) -> str:
        """Return what the model says; raises what the call raises once its tries are used up."""
        turn, name, iteration = self.turn, self.turn.trial["proposer"], self.turn.tally["iteration"]
        self.calls += 1
        answer = turn.context.models.ask(
            "reflect",
            Question(
                messages=messages,
                run_id=turn.ref["run_id"],
                cause=f"{iteration}:{name}:{self.calls}",
                sample=iteration,  # the same question in another iteration deserves another answer
                address=Address(task_id=f"proposer/{name}", prompt="", repeat=iteration - 1, attempt=0),
            ),
        )
        usage = answer.usage
        self.prompt_tokens += usage["prompt_tokens"]
        self.completion_tokens += usage["completion_tokens"]
        if self.cost_usd is not None:
            self.cost_usd = None if usage["cost_usd"] is None else self.cost_usd + usage["cost_usd"]
        return answer.text


def ask_proposer(turn: Turn) -> ProposalRow:
    """Ask the proposer whose turn it is; what goes wrong with it is in the row.

    Raises SetupError for what the user can fix (a wrong key, name or address of the model), BudgetError when the run
    may spend no more, StoppedError when it was stopped.
    """
    name, iteration = turn.trial["proposer"], turn.tally["iteration"]
    meter = Meter(turn)
    request = _request(turn, meter)
    proposer = proposer_of(name, turn.context)
    limit_s = turn.context.settings.optimiser.proposer_timeout_s
    started = time.monotonic()
    said = _within(limit_s, lambda: proposer.propose(request))
    if isinstance(said, SetupError | StoppedError | BudgetError):
        raise said
    proposal = said if isinstance(said, Proposal) else None
    return {
        "optimisation": turn.ref["run_id"],
        "iteration": iteration,
        "proposer": name,
        "components": dict(proposal.components) if proposal else {},
        "merge": list(proposal.merge) if proposal and proposal.merge else [],
        "why": proposal.why if proposal else _why_not(said, limit_s),
        "failed": int(proposal is None and said is not None),
        "calls": meter.calls,
        "prompt_tokens": meter.prompt_tokens,
        "completion_tokens": meter.completion_tokens,
        "cost_usd": meter.cost_usd,
        "seconds": time.monotonic() - started,
    }


def usable(row: ProposalRow, turn: Turn) -> tuple[PromptSet | None, str]:
    """Return the child that a proposal makes, or None and why it cannot be used."""
    if not row["components"]:
        return None, row["why"]
    parent = turn.components(turn.learner)
    changed: dict[str, str] = {}
    notes = [row["why"]]
    for name, text in row["components"].items():
        made, problem = _made_usable(name, text, parent, turn)
        if made is None:
            return None, problem
        changed[name] = made
        notes += [problem] if problem else []
    secrets = turn.rollouts.answers, _solutions(turn)
    if "skills" in changed:  # lines that stand by themselves: those that copy are left out
        lines = changed["skills"].splitlines()
        kept = without_copies(lines, parent["skills"].splitlines(), *secrets)
        changed["skills"] = "\n".join(kept)
        notes += [f"{len(lines) - len(kept)} lines left out that copied an answer"] * (len(kept) < len(lines))
    copied = copied_answers("\n".join(changed.values()), *secrets)
    if copied:
        return None, f"refused: it copies a {copied[0].what} of {copied[0].task_id} ({copied[0].overlap:.0%} of it)"
    child = prompt_set_of({**parent, **changed})
    known = {entry["prompt_set"] for entry in turn.pool} | set(turn.trial.get("drafts", []))
    if child["prompt_set"] in known or turn.refused().has(child["prompt_set"], turn.tally["iteration"]):
        return None, "refused: it has been tried"
    return child, "; ".join(notes)


def _made_usable(name: str, text: str, parent: Mapping[str, str], turn: Turn) -> tuple[str | None, str]:
    """Return a proposed component with its placeholders as they must be, and what was done; or None and why not."""
    if name not in PLACEHOLDERS:
        return None, f"refused: there is no component {name!r}"
    most = turn.context.settings.optimiser.max_characters
    if len(text) > most:
        return None, f"refused: {name} has {len(text)} characters, more than {most}"
    if name == "skills" and not text.strip():
        return "", ""  # no skills are skills, too
    repair = repaired(text, parent[name], PLACEHOLDERS[name])
    problem = "; ".join(repair.changes)
    return (None, f"{name} {problem}") if repair.text is None else (repair.text.strip(), problem)


def _solutions(turn: Turn) -> dict[str, list[str]]:
    """Return the programs that the proposer has seen, by task."""
    found: dict[str, list[str]] = {}
    for one in _evidence(turn):
        codes = [one[name] for name in ("code", "better") if one[name] and (one["solved"] or name == "better")]
        found[turn.context.tasks.get(one["task"])["task_id"]] = [turn.context.contents.get(code) for code in codes]
    return found


def _evidence(turn: Turn) -> list[JsonObject]:
    evidence = turn.trial["evidence"]
    found: list[JsonObject] = json.loads(turn.context.contents.get(evidence)) if evidence else []
    return found


def cost_of_asking(row: ProposalRow) -> Cost:
    """Return what a proposal cost."""
    tokens = row["prompt_tokens"] + row["completion_tokens"]
    price = row["cost_usd"] if row["calls"] else 0.0
    return {"model_calls": row["calls"], "tokens": tokens, "cost_usd": price, "seconds": row["seconds"]}


def _request(turn: Turn, meter: Meter) -> Request:
    sets = [turn.components(entry["prompt_set"]) for entry in turn.pool]
    mine = turn.refused().children_of(turn.trial["parent"], turn.tally["iteration"], MAX_REFUSED)
    return Request(
        components=turn.components(turn.learner),
        component=turn.trial["component"],
        examples=[_example(one, turn.context) for one in _evidence(turn)],
        pool=sets,
        parents=[entry["parents"] for entry in turn.pool],
        scores=[turn.rollouts.vector(entry["prompt_set"]) for entry in turn.pool],
        tried_merges=turn.tally["merges"],
        refused=[turn.components(child) for child in mine],
        seed=turn.ref["seed"],
        index=turn.tally["iteration"],
        ask=meter,
    )


def _example(found: JsonMapping, context: Context) -> Example:
    code, better = (context.contents.get(found[name]) if found[name] else "" for name in ("code", "better"))
    return Example(
        view=view_of(context.tasks.get(found["task"])),
        code=code,
        solved=found["solved"],
        score=found["score"],
        outcome=found["outcome"],
        better=better,
    )


def _within(limit_s: float, work: Callable[[], Proposal | None]) -> object:
    """Return what the work gives or raises; None stays None. A thread that hangs is left behind and ends with us."""
    box: list[object] = []

    def run() -> None:
        try:
            box.append(work())
        except Exception as error:  # noqa: BLE001 strangers' code may raise anything: it is counted as its failure
            box.append(error)

    thread = threading.Thread(target=run, name="proposer", daemon=True)
    thread.start()
    thread.join(limit_s)
    return box[0] if box else TimeoutError(f"no answer after {limit_s:g} s")


def _why_not(said: object, limit_s: float) -> str:
    if said is None:
        return "nothing to propose"
    if isinstance(said, TimeoutError) and str(said).startswith("no answer after"):
        return str(said)
    if isinstance(said, Exception):
        return f"failed: {type(said).__name__}: {str(said)[:300]}"
    return f"failed: it gave {type(said).__name__}, not a proposal"
