"""What a proposer is shown, and what it answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from optimization.pareto import Scores
from state.message import Message
from state.task import TaskView

Ask: TypeAlias = Callable[[Sequence[Message]], str]
"""Asks the proposing model; every call is counted and paid from the budget."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """The parent on one train task: what a model may know of the task, what it answered, how that went."""

    view: TaskView
    code: str
    """"" when the model declined."""
    solved: bool
    score: float
    """In [0, 1]."""
    outcome: str
    """What went wrong, without hidden inputs and expectations; "" when solved."""
    better: str = ""
    """Code of another candidate that solved this task, where the parent did not."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a proposer may use. The same request gives the same proposal, as far as the model does."""

    components: Mapping[str, str]
    """The parent's templates."""
    component: str
    """Whose turn it is to be changed."""
    examples: Sequence[Example]
    pool: Sequence[Mapping[str, str]]
    """Components of every candidate, the seed first."""
    parents: Sequence[Sequence[int]]
    """For each candidate of the pool its parents."""
    scores: Scores
    """For each candidate its score by validation task."""
    tried_merges: Sequence[Sequence[int]]
    refused: Sequence[Mapping[str, str]]
    """Components of children of this parent that were tried and not accepted, the latest last."""
    seed: int
    index: int
    """Number of the iteration: every random draw is a function of seed and index."""
    ask: Ask = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A better prompt, it is hoped."""

    components: Mapping[str, str]
    """Those that change."""
    why: str
    """One line for the report."""
    merge: tuple[int, int, int] | None = None
    """Both parents and their ancestor, where the child has two parents."""


class Proposer(Protocol):
    """A way to make proposals."""

    @property
    def name(self) -> str:
        """Name in settings and reports."""
        ...

    @property
    def examples(self) -> int | None:
        """Rollouts of the parent that it wants to see; None: as many train tasks as may teach."""
        ...

    @property
    def rounds(self) -> int:
        """Proposals in a row, each from what the one before did on the same tasks; only the last is judged."""
        ...

    def propose(self, request: Request) -> Proposal | None:
        """Return a proposal, or None when it has none. It may raise: that is counted as a failure."""
        ...
