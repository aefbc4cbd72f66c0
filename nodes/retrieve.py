"""Find memories that may help with the task."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context
from state.episode import EpisodeSpec, Recollection
from state.memory_item import MemoryQuery
from tasks.describe import description

OWN = 8  # asked for in addition: programs for the very same task are left out
QUERY_CHARACTERS = 2_000  # of the prompt: what makes a task itself comes early


class RetrieveReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec


class RetrieveWrites(TypedDict):
    """What the node writes."""

    memories: list[Recollection]


def retrieve(state: RetrieveReads, runtime: Runtime[Context]) -> RetrieveWrites:
    """Search the memory for earlier work on other tasks like this one, inside the episode's horizon.

    A solution of the same task is left out: looking it up would be no learning, and on a task that another run
    learned from while this one holds it out, no measurement.
    """
    context, episode = runtime.context, state["episode"]
    if context.settings.memories == 0 or not episode["memory_snapshot"]:
        return {"memories": []}
    task = context.tasks.get(episode["task"])
    asked = context.tasks.get(episode.get("recall", episode["task"]))  # another task, where memories are shuffled
    query: MemoryQuery = {
        "text": asked["prompt"][:QUERY_CHARACTERS],
        "kinds": ["procedural", "semantic"],
        "limit": context.settings.memories + OWN,
        "horizon": episode["horizon"],
        "closed": True,  # earlier batches have ended before this one begins
    }
    own = description(task)
    hits = [hit for hit in context.memory.search(query) if hit["text"] != own][: context.settings.memories]
    return {"memories": [{"memory_id": h["memory_id"], "kind": h["kind"], "score": float(h["score"])} for h in hits]}
