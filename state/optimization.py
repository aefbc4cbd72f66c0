"""What prompt optimisation keeps: candidates, comparisons, verdicts of the gate, spend."""

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from state.decision import Decision as PersonsDecision
from state.memory_item import Horizon

Decision: TypeAlias = Literal["accept", "reject", "grow"]
Resource: TypeAlias = Literal["rollouts", "model_calls", "tokens", "cost_usd", "seconds"]
RESOURCES: tuple[Resource, ...] = ("rollouts", "model_calls", "tokens", "cost_usd", "seconds")


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


class OptimizationRef(TypedDict):
    """Which optimisation this is, and on what its rollouts depend besides the prompt set and the task."""

    run_id: str  # of the optimisation: its rollouts are booked under it
    tasks: str  # content address: a JSON list of TaskEntry
    prompt_set: str  # with which it begins
    model: str
    conditions: str
    horizon: Horizon  # memories that every rollout may see
    memory_snapshot: str  # "" when none are
    seed: int
    measure_test: bool  # measure test tasks before and after
    ask: NotRequired[bool]  # a person decides whether something is promoted


class PoolEntry(TypedDict):
    """A candidate by reference; its scores are in the ledger."""

    prompt_set: str
    parents: list[int]
    proposer: str
    iteration: int


class Trial(TypedDict):
    """What the current iteration tries; the fields are filled by its nodes in turn."""

    proposer: str
    parent: int
    component: str  # of the prompt set, where the proposer changes one
    evidence: str  # content address of what the proposer is shown; "" before
    child: str  # prompt set; "" when there is none
    parents: list[int]
    want: int  # pairs that the gate asked for
    decision: Literal["", "draft", "accept", "reject", "none"]
    drafts: NotRequired[list[str]]  # prompt sets: each learned from the one before, the first from the parent
    failed: NotRequired[int]  # 1: the proposer failed after the last draft
    began: NotRequired[int]  # iteration of the first draft: all learn from its tasks


class Tally(TypedDict):
    """Counters that decide how an optimisation goes on."""

    iteration: int  # that is under way, from 1
    at: int  # place in the list of proposers of the one whose turn it is
    stalled: int  # iterations in a row without an accepted child, of this proposer
    idle: int  # proposers in a row that stalled
    failures: int  # proposals that raised, hung or were refused
    merges: list[list[int]]  # (parent, parent, ancestor) that were tried


class Ending(TypedDict):
    """Why an optimisation ended, and which prompt set it leaves in use."""

    reason: str
    promoted: str  # "" before promote has decided


class OptimizationState(TypedDict, total=False):
    """All channels of the prompt optimisation graph: ids and counters."""

    optimization: OptimizationRef
    pool: list[PoolEntry]
    trial: Trial
    tally: Tally
    spend: Spend
    ending: Ending
    decision: PersonsDecision  # what a person said, where one was asked
