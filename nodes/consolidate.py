"""Fold large groups of episodes into summaries."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.care import care_before
from runtime.context import Context
from state.memory_item import Horizon


class ConsolidateReads(TypedDict):
    """What the node reads."""

    horizon: Horizon
    since: int


class ConsolidateWrites(TypedDict):
    """What the node writes."""

    consolidated: int
    summaries: int


def consolidate(state: ConsolidateReads, runtime: Runtime[Context]) -> ConsolidateWrites:
    """Write one summary per large group, which links its members and stands for all but a few of them."""
    care = care_before(state["horizon"], runtime.context)
    care.consolidate()
    done = care.log("consolidate", state["since"])
    return {"consolidated": done.to["consolidated"], "summaries": len(done.added)}
