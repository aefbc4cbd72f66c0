"""Let memories fade that are not used."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.care import care_before
from runtime.context import Context
from state.memory_item import Horizon


class DecayReads(TypedDict):
    """What the node reads."""

    horizon: Horizon
    since: int


class DecayWrites(TypedDict):
    """What the node writes."""

    decayed: int
    restored: int
    archived: int


def decay(state: DecayReads, runtime: Runtime[Context]) -> DecayWrites:
    """Follow the forgetting curve: down when unused, back up when used, out of sight when hardly retained."""
    care = care_before(state["horizon"], runtime.context)
    care.decay()
    made = care.log("decay", state["since"]).to
    return {"decayed": made["decayed"], "restored": made["active"], "archived": made["archived"]}
