"""Rewards: named components in [0, 1] and their weighted total."""

from typing_extensions import TypedDict


class Reward(TypedDict):
    """The reward of an episode; an infrastructure failure has none."""

    total: float  # in [0, 1]
    components: dict[str, float]  # each in [0, 1]
    table: str  # version of the reward table: digest of its weights
