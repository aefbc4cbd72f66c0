"""Say what went wrong with the latest attempt, without giving the hidden tests away."""

import json
from typing import TypedDict

from langgraph.runtime import Runtime

from prompts.outcome import outcome_text
from runtime.context import Context
from state.episode import Attempt, EpisodeSpec
from state.verdict import Verdict
from storage.contents import canonical


class ReflectReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec
    attempts: list[Attempt]


class ReflectWrites(TypedDict):
    """What the node writes."""

    attempts: list[Attempt]


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
    return {"attempts": [{**attempt, "feedback": address}]}
