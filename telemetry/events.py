"""What happens while a run goes on, for whoever watches: the live display, plain lines, a log."""

from collections.abc import Callable
from typing import Literal, TypeAlias, TypedDict

EventKind: TypeAlias = Literal[
    "batch_started",
    "episode_started",
    "node_started",
    "episode_finished",
    "episode_failed",
    "episode_put_aside",
    "measured",
    "proposed",
    "optimised",
    "standing",
    "notice",
]


class Event(TypedDict, total=False):
    """One thing that happened; the fields depend on the kind."""

    kind: EventKind
    worker: str  # name of the worker's thread
    episode_id: str
    task_id: str
    node: str
    phase: str
    total: int  # episodes planned
    reused: bool  # the result was in the ledger already
    solved: bool
    reward: float
    tokens: int
    cost_usd: float | None
    reason: str
    detail: str


Sink: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Drop the event: for runs that nobody watches."""
