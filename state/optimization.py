"""What prompt optimisation keeps: candidates, comparisons, verdicts of the gate, spend."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

Decision: TypeAlias = Literal["accept", "reject", "grow"]
Resource: TypeAlias = Literal["rollouts", "model_calls", "tokens", "cost_usd", "seconds"]
RESOURCES: tuple[Resource, ...] = ("rollouts", "model_calls", "tokens", "cost_usd", "seconds")


class Candidate(TypedDict):
    """A prompt set in the pool. Its index is its place in the pool: 0 is the seed."""

    prompt_set: str
    parents: list[int]  # indices, smaller than its own; [] for the seed, two for a merge
    proposer: str  # "seed", "merge" or a proposer's name
    iteration: int  # that found it; -1 for the seed
    scores: dict[str, float]  # by validation task; a task whose rollout has no result is missing


class Pair(TypedDict):
    """Parent and child on one task. A rollout that failed for infrastructure reasons is None: never scored."""

    task_id: str
    parent: float | None  # 1.0 solved, 0.0 not; or any number of which more is better
    child: float | None


class GateVerdict(TypedDict):
    """What the gate says of a child after the pairs so far, with the numbers it rests on."""

    decision: Decision
    rule: str  # name and parameters, readable
    reason: str
    want: int  # pairs to have at the next look ("grow"), or that were looked at
    n: int  # pairs compared
    excluded: int  # pairs without a result on either side
    wins: int
    losses: int
    ties: int
    mean_difference: float  # child minus parent; 0.0 when n is 0
    p: float  # one-sided, adjusted for the looks
    alpha: float  # stated rate of accepting a useless child
    alpha_now: float  # part of it that may be spent up to this look
    posterior: float  # probability that the child is better
    chance: float  # predicted probability of acceptance by the cap, if the rest went as the pairs so far


Spend: TypeAlias = dict[str, dict[str, float]]
"""Consumption by purpose ("minibatch", "reflection", "validation", …), then by resource."""
