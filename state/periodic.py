"""The channels of the periodic graphs that the learning loop starts."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from state.memory_item import Horizon

CareCount: TypeAlias = Literal[
    "credited",
    "retired",
    "thinned",
    "decayed",
    "restored",
    "archived",
    "consolidated",
    "summaries",
    "formed",
    "merged",
    "split",
]


class CareCounts(TypedDict, total=False):
    """What one round of memory care did."""

    episodes: int  # train episodes before it
    credited: int  # memories shown to episodes, whose rewards flowed back
    retired: int  # out of sight because they lower rewards
    thinned: int  # skills out of sight for better ones
    decayed: int
    restored: int  # back from decay, by use
    archived: int  # out of sight because they were hardly retained
    groups: int
    formed: int
    merged: int
    split: int
    stability: float  # share of the memories that stayed in their group, in [0, 1]
    consolidated: int  # out of sight because they stand in a summary
    summaries: int  # new ones


class CareState(CareCounts, total=False):
    """All channels of the memory care graph."""

    run_id: str
    period: int  # number of train episodes when it began
    horizon: Horizon  # what it looks after: the memories that the next batch would see
    since: int  # the memory's log when it began: what it did is read from there
