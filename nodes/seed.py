"""Begin a prompt optimisation with the prompt set that the run uses."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context


class SeedReads(TypedDict):
    """What the node reads."""

    parent: str


class SeedWrites(TypedDict):
    """What the node writes."""

    parent: str


def seed(state: SeedReads, runtime: Runtime[Context]) -> SeedWrites:
    """Take the run's prompt set as the first candidate; raises SetupError when the home does not have it."""
    return {"parent": runtime.context.prompts.get(state["parent"])["prompt_set"]}
