"""What the memory keeps, and what it is asked."""

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

MemoryKind: TypeAlias = Literal["episodic", "semantic", "procedural"]


class Origin(TypedDict):
    """Where a memory comes from: it is visible to later batches of its run, and to later runs."""

    run_id: str
    batch: int
    episode_id: str


class MemoryDraft(TypedDict):
    """Something worth remembering. The same cause and kind written twice leaves one memory."""

    kind: MemoryKind
    cause: str  # what brought it about: with the kind it makes the id
    text: str  # what it is found by
    code: str  # verified code of a procedural memory, what a repair changed; "" otherwise
    entry_point: str
    signature: str
    importance: float  # in [0, 1]
    origin: Origin
    recipe: NotRequired[bool]  # it tells how a failure was repaired; `code` is the difference


class MemoryHit(TypedDict):
    """A memory that a search found."""

    memory_id: str
    kind: MemoryKind
    text: str
    code: str
    entry_point: str
    score: float  # comparable within one result only
    why: str  # how the score came about


class Ancestor(TypedDict):
    """A run that another one was forked from: what its batches before that one remembered belongs to both."""

    run_id: str
    batch: int


class Horizon(TypedDict):
    """Which memories an episode may see, so that concurrent episodes of one batch see the same.

    Visible is what was in the log up to `watermark` when the run began, and what earlier batches of the same run wrote,
    or of the runs that it was forked from.
    """

    watermark: int
    run_id: str
    batch: int
    ancestors: NotRequired[list[Ancestor]]  # the nearest first


class MemoryQuery(TypedDict):
    """A question to the memory."""

    text: str
    kinds: list[MemoryKind]
    limit: int
    horizon: Horizon
    recipes: NotRequired[bool]  # look for repairs of failures only; otherwise for everything else
    closed: NotRequired[bool]  # all that the horizon shows has been written: searches need not look for more
