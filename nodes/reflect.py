"""Say what went wrong with the latest attempt, without giving the hidden tests away."""

import json
from typing import NotRequired, TypedDict

from langgraph.runtime import Runtime

from prompts.outcome import outcome_text, shape_of_failure
from runtime.context import Context
from state.episode import Attempt, EpisodeSpec, Recollection
from state.memory_item import MemoryQuery
from state.task import Task
from state.verdict import Verdict
from storage.contents import canonical
from tasks.describe import description, failure_description

OWN = 8  # recipes asked for in addition: those of the very same task are left out


class ReflectReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec
    memories: list[Recollection]
    attempts: list[Attempt]


class ReflectWrites(TypedDict):
    """What the node writes."""

    attempts: list[Attempt]
    memories: NotRequired[list[Recollection]]


def reflect(state: ReflectReads, runtime: Runtime[Context]) -> ReflectWrites:
    """Turn the report into repair feedback.

    Visible examples are quoted with what the program gave. Of hidden tests only the shape of the failure is told, and
    that only while learning: never their inputs, never what they expect.
    """
    context, attempt = runtime.context, state["attempts"][-1]
    summary = attempt["report"]
    assert summary is not None, "execute comes before reflect"
    task = context.tasks.get(state["episode"]["task"])
    verdicts: list[Verdict] = json.loads(context.contents.get(summary["report"]))["verdicts"]
    cpu_s = task["limits"].get("cpu_s", context.settings.sandbox.cpu_s)
    outcome = outcome_text(task, verdicts, summary["limit"], cpu_s, with_hidden=state["episode"]["learn"])
    [address] = context.contents.put(canonical({"outcome": outcome}))
    writes: ReflectWrites = {"attempts": [{**attempt, "feedback": address}]}
    if context.settings.recipes and state["episode"]["memory_snapshot"]:
        told = [verdict for verdict in verdicts if verdict["visible"] or state["episode"]["learn"]]
        writes["memories"] = state["memories"] + _recipes(task, shape_of_failure(told), state, context)
    return writes


def _recipes(task: Task, shape: str, state: ReflectReads, context: Context) -> list[Recollection]:
    """Return how failures like this one were repaired on other tasks like this one, but for what is shown already."""
    shown = {memory["memory_id"] for memory in state["memories"]}
    query: MemoryQuery = {
        "text": failure_description(task, shape),
        "kinds": ["semantic"],
        "limit": context.settings.recipes + OWN,
        "horizon": state["episode"]["horizon"],
        "closed": True,
        "recipes": True,
    }
    hits = [h for h in context.memory.search(query) if not h["text"].endswith(description(task))]
    fresh = [hit for hit in hits if hit["memory_id"] not in shown][: context.settings.recipes]
    return [{"memory_id": h["memory_id"], "kind": h["kind"], "score": float(h["score"])} for h in fresh]
