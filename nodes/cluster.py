"""Group episodes that are alike."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.care import care_before
from runtime.context import Context
from state.memory_item import Horizon


class ClusterReads(TypedDict):
    """What the node reads."""

    horizon: Horizon


class ClusterWrites(TypedDict):
    """What the node writes."""

    groups: int
    formed: int
    merged: int
    split: int
    stability: float


def cluster(state: ClusterReads, runtime: Runtime[Context]) -> ClusterWrites:
    """Form, merge and split the groups of the round before, and say how stable they were."""
    found = care_before(state["horizon"], runtime.context).cluster()
    return {
        "groups": len(found.members()),
        "formed": found.formed,
        "merged": found.merged,
        "split": found.split,
        "stability": found.stability,
    }
