"""Wait for a person's word before the episode teaches anything."""

from typing import NotRequired, cast

from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict

from runtime.context import Context
from state.decision import Answer, Decision
from state.episode import EpisodeSpec
from state.review import Review
from state.reward import Reward


class AskReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec


class AskWrites(TypedDict):
    """What the node writes: the decision, and what the person changed."""

    decision: Decision
    review: NotRequired[Review]
    reward: NotRequired[Reward]


def ask(state: AskReads, runtime: Runtime[Context]) -> AskWrites:
    """Stop the thread until it is answered, then note the answer and take its edits over.

    The node is begun again when the answer comes, so it does nothing before it asks.
    """
    answer: Answer = interrupt({"episode_id": state["episode"]["episode_id"], "before": "remember"})
    edits = answer["edits"]
    decision: Decision = {
        "approved": answer["approved"],
        "edited": sorted(edits),
        "answered_at": answer["answered_at"],
    }
    return cast("AskWrites", {"decision": decision, **edits})
