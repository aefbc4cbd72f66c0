"""Ask the proposer whose turn it is for a child of the parent."""

from typing import NamedTuple, TypedDict

from langgraph.runtime import Runtime

from optimization.budget import charged, shortage
from runtime.context import Context
from runtime.rollouts import rollouts_of
from runtime.trials import began_in, note_iteration, refused
from runtime.turns import Turn, ask_proposer, cost_of_asking, usable
from state.optimization import Ending, OptimizationRef, PoolEntry, Spend, Tally, Trial
from state.prompt_set import PromptSet


class ProposePromptReads(TypedDict):
    """What the node reads."""

    optimization: OptimizationRef
    pool: list[PoolEntry]
    tally: Tally
    trial: Trial
    spend: Spend
    ending: Ending


class ProposePromptWrites(TypedDict):
    """What the node writes."""

    tally: Tally
    trial: Trial
    spend: Spend
    ending: Ending


class Said(NamedTuple):
    """What became of asking the proposer."""

    child: PromptSet | None
    why: str
    failed: bool
    spend: Spend
    short: str = ""


def propose_prompt(state: ProposePromptReads, runtime: Runtime[Context]) -> ProposePromptWrites:
    """Get a proposal, once: what was paid for before a restart is read. One that cannot be used ends the iteration.

    A proposer that learns in rounds makes a draft, which the next iteration teaches further, until a round brings
    nothing; then the last draft that did is the child. A proposer that raises, hangs, or says nothing usable is
    counted apart, never as a child that was no better.
    Raises SetupError for a wrong key, name or address of the proposing model.
    """
    context, ref, trial, tally = runtime.context, state["optimization"], state["trial"], state["tally"]
    rollouts = rollouts_of(ref, context)
    turn = Turn(ref=ref, pool=state["pool"], tally=tally, trial=trial, rollouts=rollouts, context=context)
    worth = trial.get("drafts", [])
    if turn.draft_is_better():
        said = _asked(turn, state["spend"])
    else:
        why = "the draft is no better even on the tasks that taught it"
        worth, said = worth[:-1], Said(None, why, failed=False, spend=state["spend"])
    if said.short:
        ending: Ending = {**state["ending"], "reason": f"budget: {said.short}"}
        return {"tally": tally, "trial": trial, "spend": said.spend, "ending": ending}
    if said.child is None and not worth:
        trial = {**trial, "decision": "none"}
        after = refused(tally, trial, len(state["pool"]), context)
        tally = {**after, "failures": after["failures"] + said.failed}
        note_iteration(ref, tally, trial, {"why": said.why, "failed": int(said.failed)}, said.spend, context)
        return {"tally": tally, "trial": trial, "spend": said.spend, "ending": state["ending"]}
    tally, trial = _kept(said, worth, turn)
    return {"tally": tally, "trial": trial, "spend": said.spend, "ending": state["ending"]}


def _asked(turn: Turn, spend: Spend) -> Said:
    log, run_id, proposer = turn.context.optimisations, turn.ref["run_id"], turn.trial["proposer"]
    row = log.proposal(run_id, turn.tally["iteration"], proposer)
    if row is None:
        short = shortage(spend, turn.rollouts.budget, {"model_calls": 1})
        if short:
            return Said(None, "", failed=False, spend=spend, short=short)
        row = ask_proposer(turn)
        log.keep_proposal(row)
    child, why = usable(row, turn)
    failed = child is None and bool(row["failed"] or row["components"])  # it said something, and that was of no use
    return Said(child, why, failed=failed, spend=charged(spend, "proposals", cost_of_asking(row)))


def _kept(said: Said, worth: list[str], turn: Turn) -> tuple[Tally, Trial]:
    """Make the proposal a draft that is taught further, or the child; without one the last draft is the child."""
    tally, trial, pool = turn.tally, turn.trial, turn.pool
    if said.child is None:
        tally = {**tally, "failures": tally["failures"] + said.failed}
        return tally, {**trial, "child": worth[-1], "parents": [trial["parent"]], "failed": int(said.failed)}
    row = turn.context.optimisations.proposal(turn.ref["run_id"], tally["iteration"], trial["proposer"])
    merge = row["merge"] if row else []
    parents = merge[:2] or [trial["parent"]]
    sets = [turn.learner] if worth else [pool[index]["prompt_set"] for index in parents]
    child, now = said.child["prompt_set"], turn.context.clock()
    turn.context.prompts.save(said.child, author=trial["proposer"], parents=sets, created_at=now)
    if turn.may_go_on(said.spend):
        trial = {**trial, "drafts": [*worth, child], "began": began_in(tally, trial), "decision": "draft"}
        note_iteration(turn.ref, tally, trial, {"why": said.why}, said.spend, turn.context)
        return tally, trial
    tally = {**tally, "merges": [*tally["merges"], merge]} if merge else tally
    means = turn.rollouts.front(pool).means
    better = max(parents, key=means.__getitem__)  # a merge has to beat the better one of its parents
    return tally, {**trial, "child": child, "parents": parents, "parent": better}
