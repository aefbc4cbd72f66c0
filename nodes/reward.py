"""Compute the episode's reward."""

from functools import lru_cache
from typing import TypedDict

from langgraph.runtime import Runtime

from rewards.combine import reward_for
from rewards.components import Evidence
from rewards.static import parameters_in
from runtime.context import Context
from state.episode import Attempt, EpisodeSpec, final_attempt
from state.review import Review
from state.reward import Reward


class RewardReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec
    attempts: list[Attempt]
    review: Review


class RewardWrites(TypedDict):
    """What the node writes."""

    reward: Reward


def reward(state: RewardReads, runtime: Runtime[Context]) -> RewardWrites:
    """Compute the components of the reward table and their weighted mean for the final attempt."""
    context = runtime.context
    task = context.tasks.get(state["episode"]["task"])
    report = final_attempt(state["attempts"])["report"]
    assert report is not None, "execute comes before reward"
    wanted = _wanted_parameters(task["prompt"], task["reference"] or "", task["entry_point"])
    evidence = Evidence(task=task, report=report, review=state["review"], reference_parameters=wanted)
    return {"reward": reward_for(evidence, context.rewards)}


@lru_cache(maxsize=1024)  # every episode of a task asks the same
def _wanted_parameters(prompt: str, reference: str, entry_point: str) -> list[str]:
    """Return the parameters that the prompt's signature has, or else the reference's; [] when neither parses."""
    for source in (prompt, prompt + "\n    pass\n", reference):
        parameters = parameters_in(source, entry_point)
        if parameters:
            return parameters
    return []
