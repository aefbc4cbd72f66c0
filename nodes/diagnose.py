"""Gather what a proposer may see of the rollouts of the parent, or of the draft that came of it."""

import json
from collections.abc import Mapping
from typing import TypedDict

from langgraph.runtime import Runtime

from prompts.outcome import outcome_text
from runtime.context import Context
from runtime.rollouts import Key, Wanted, rollouts_of, score_of
from runtime.trials import began_in, learner_of, proposer_of, teaching_tasks
from state.errors import RatchetError
from state.learning import TaskEntry
from state.ledger import FinishedEpisode
from state.optimization import OptimizationRef, PoolEntry, Tally, Trial
from state.verdict import Verdict
from storage.contents import canonical

OTHERS = 8  # candidates among which a passing attempt is looked for, the latest first


class DiagnoseReads(TypedDict):
    """What the node reads."""

    optimization: OptimizationRef
    pool: list[PoolEntry]
    tally: Tally
    trial: Trial


class DiagnoseWrites(TypedDict):
    """What the node writes."""

    trial: Trial


def diagnose(state: DiagnoseReads, runtime: Runtime[Context]) -> DiagnoseWrites:
    """Write down, task by task, what the parent answered, how that went, and a passing attempt of another candidate.

    Only train tasks are looked at, of them only the visible side and the shape of a hidden failure.
    """
    context, ref, trial = runtime.context, state["optimization"], state["trial"]
    rollouts = rollouts_of(ref, context)
    count = proposer_of(trial["proposer"], context).examples
    tasks = teaching_tasks(began_in(state["tally"], trial), count, rollouts)
    if any(entry["split"] != "train" for entry in tasks):
        raise RatchetError("a task that is not of the train split must not teach a prompt")
    parent = learner_of(trial, state["pool"])
    others = [entry["prompt_set"] for entry in state["pool"] if entry["prompt_set"] != parent][-OTHERS:]
    wanted = [Wanted(prompt_set, entry) for entry in tasks for prompt_set in (parent, *others)]
    rows = rollouts.rows(wanted) if wanted else {}
    examples = [
        _example(entry, parent, others, rows, context) for entry in tasks if (parent, entry["task_id"], 0) in rows
    ]
    [address] = context.contents.put(canonical(examples))
    return {"trial": {**trial, "evidence": address}}


def _example(
    entry: TaskEntry, parent: str, others: list[str], rows: Mapping[Key, FinishedEpisode], context: Context
) -> dict[str, object]:
    row = rows[Wanted(parent, entry).key]
    solved = bool(row["solved"])
    passing = [rows[key] for other in reversed(others) if (key := Wanted(other, entry).key) in rows]
    better = next((one["outcome"]["code"] for one in passing if one["solved"]), "")
    return {
        "task": entry["task"],
        "code": row["outcome"]["code"],
        "solved": solved,
        "score": score_of(row, context.settings.optimiser.score),
        "outcome": "" if solved else _what_went_wrong(entry, row, context),
        "better": better if not solved else "",
    }


def _what_went_wrong(entry: TaskEntry, row: FinishedEpisode, context: Context) -> str:
    outcome = row["outcome"]
    report = outcome.get("report")
    if outcome["declined"] or not report:
        return "The assistant gave no program."
    verdicts: list[Verdict] = json.loads(context.contents.get(report))["verdicts"]
    task = context.tasks.get(entry["task"])
    cpu_s = task["limits"].get("cpu_s", context.settings.sandbox.cpu_s)
    return outcome_text(task, verdicts, outcome["limit"], cpu_s, with_hidden=True)
