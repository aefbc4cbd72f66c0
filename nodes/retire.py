"""Put memories away that lower rewards."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.care import care_before
from runtime.context import Context
from state.memory_item import Horizon


class RetireReads(TypedDict):
    """What the node reads."""

    horizon: Horizon
    since: int


class RetireWrites(TypedDict):
    """What the node writes."""

    retired: int


def retire(state: RetireReads, runtime: Runtime[Context]) -> RetireWrites:
    """Archive the memories of which the rewards say with confidence that they hurt."""
    care = care_before(state["horizon"], runtime.context)
    care.retire()
    return {"retired": care.log("retire", state["since"]).to["archived"]}
