"""Ask the proposer whose turn it is for a child of the parent."""

from typing import TypedDict

from langgraph.runtime import Runtime

from optimization.budget import charged, shortage
from runtime.context import Context
from runtime.rollouts import rollouts_of
from runtime.trials import note_iteration, refused
from runtime.turns import Turn, ask_proposer, cost_of_asking, usable
from state.optimization import Ending, OptimizationRef, PoolEntry, Spend, Tally, Trial


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


def propose_prompt(state: ProposePromptReads, runtime: Runtime[Context]) -> ProposePromptWrites:
    """Get a proposal, once: what was paid for before a restart is read. One that cannot be used ends the iteration.

    A proposer that raises, hangs, or says nothing usable is counted apart, never as a child that was no better.
    Raises SetupError for a wrong key, name or address of the proposing model.
    """
    context, ref, trial, tally = runtime.context, state["optimization"], state["trial"], state["tally"]
    rollouts = rollouts_of(ref, context)
    turn = Turn(ref=ref, pool=state["pool"], tally=tally, trial=trial, rollouts=rollouts, context=context)
    row = context.optimisations.proposal(ref["run_id"], tally["iteration"], trial["proposer"])
    if row is None:
        short = shortage(state["spend"], rollouts.budget, {"model_calls": 1})
        if short:
            ending: Ending = {**state["ending"], "reason": f"budget: {short}"}
            return {"tally": tally, "trial": trial, "spend": state["spend"], "ending": ending}
        row = ask_proposer(turn)
        context.optimisations.keep_proposal(row)
    spend = charged(state["spend"], "proposals", cost_of_asking(row))
    child, why = usable(row, turn)
    if child is None:
        trial = {**trial, "decision": "none"}
        failed = bool(row["failed"] or row["components"])  # it said something, and that was of no use
        after = refused(tally, trial, len(state["pool"]), context)
        tally = {**after, "failures": after["failures"] + failed}
        note_iteration(ref, tally, trial, {"why": why, "failed": failed}, spend, context)
        return {"tally": tally, "trial": trial, "spend": spend, "ending": state["ending"]}
    parents = row["merge"][:2] or [trial["parent"]]
    context.prompts.save(
        child,
        author=trial["proposer"],
        parents=[state["pool"][index]["prompt_set"] for index in parents],
        created_at=context.clock(),
    )
    tally = {**tally, "merges": [*tally["merges"], row["merge"]] if row["merge"] else tally["merges"]}
    means = rollouts.front(state["pool"]).means
    better = max(parents, key=means.__getitem__)  # a merge has to beat the better one of its parents
    trial = {**trial, "child": child["prompt_set"], "parents": parents, "parent": better}
    return {"tally": tally, "trial": trial, "spend": spend, "ending": state["ending"]}
