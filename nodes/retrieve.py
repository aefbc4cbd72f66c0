"""Find memories that may help with the task."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context
from state.episode import EpisodeSpec, Recollection
from state.memory_item import MemoryQuery

QUERY_CHARACTERS = 2_000  # of the prompt: what makes a task itself comes early


class RetrieveReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec


class RetrieveWrites(TypedDict):
    """What the node writes."""

    memories: list[Recollection]


def retrieve(state: RetrieveReads, runtime: Runtime[Context]) -> RetrieveWrites:
    """Search the memory for earlier work like this task, inside the episode's horizon."""
    context, episode = runtime.context, state["episode"]
    if context.settings.memories == 0 or not episode["memory_snapshot"]:
        return {"memories": []}
    query: MemoryQuery = {
        "text": context.tasks.get(episode["task"])["prompt"][:QUERY_CHARACTERS],
        "kinds": ["procedural", "semantic"],
        "limit": context.settings.memories,
        "horizon": episode["horizon"],
    }
    hits = context.memory.search(query)
    return {"memories": [{"memory_id": h["memory_id"], "kind": h["kind"], "score": float(h["score"])} for h in hits]}
