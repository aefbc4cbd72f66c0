"""Keep the most useful skills only."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.care import care_before
from runtime.context import Context
from state.memory_item import Horizon


class ThinReads(TypedDict):
    """What the node reads."""

    horizon: Horizon
    since: int


class ThinWrites(TypedDict):
    """What the node writes."""

    thinned: int


def thin(state: ThinReads, runtime: Runtime[Context]) -> ThinWrites:
    """Archive skills that do what better ones do, and the least worth of too many."""
    care = care_before(state["horizon"], runtime.context)
    care.thin()
    return {"thinned": care.log("thin", state["since"]).to["archived"]}
