"""End a prompt optimisation: say which prompt set the run uses from here on."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context


class PromoteReads(TypedDict):
    """What the node reads."""

    parent: str


class PromoteWrites(TypedDict):
    """What the node writes."""

    promoted: str


def promote(state: PromoteReads, runtime: Runtime[Context]) -> PromoteWrites:
    """Keep the parent: without evidence for another candidate nothing is promoted."""
    return {"promoted": state["parent"]}
