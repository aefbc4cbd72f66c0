"""The channels of the task-proposal graph: ids, counters and addresses; drafts and tasks are in the content store."""

from typing_extensions import TypedDict


class Draft(TypedDict):
    """A proposed task on its way, kept in the content store."""

    prompt: str
    entry_point: str
    reference: str
    inputs: list[str]  # argument tuples as literals
    answers: list[str]  # what the reference gives, as literals; [] before it has run


class SeriesRef(TypedDict):
    """Which series of proposals this is."""

    series: str  # also the thread's id
    seed: int
    count: int  # tasks wanted
    most: int  # proposals at most
    tries: int  # per task, to see how hard it is; 0: not looked at
    known: str  # content address of the tasks that exist: a JSON list of task addresses
    watermark: int  # memories up to here may be used; 0: none


class Proposed(TypedDict):
    """One proposal of the batch under way."""

    number: int  # from 0
    content: str  # address: of the draft, and of the task's line once it is valid
    refused: str  # why it goes no further; "" while it does
    learnability: float  # in [0, 1]


class ProposalProgress(TypedDict):
    """How far a series has come."""

    proposed: int
    admitted: int
    refused: dict[str, int]  # by reason


class ProposalState(TypedDict, total=False):
    """All channels of the task-proposal graph."""

    series: SeriesRef
    progress: ProposalProgress
    batch: list[Proposed]
    admitted: str  # content address of a JSON list of line addresses; "" for none
