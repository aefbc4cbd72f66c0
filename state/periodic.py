"""The channels of the periodic graphs that the learning loop starts."""

from typing_extensions import TypedDict


class CareState(TypedDict, total=False):
    """All channels of the memory care graph."""

    run_id: str
    period: int  # number of train episodes when it began
    memories: int  # in the log, of all runs
