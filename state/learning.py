"""The channels of the learning loop: ids, counters and small measurements; everything else is in the ledger."""

from typing import Annotated, Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from state.memory_item import Ancestor, Horizon
from state.reducers import latest_by_batch
from state.task import Split

Step: TypeAlias = Literal["plan_batch", "measure_held_out", "optimise_prompts", "tend_memory", "end"]


class RunRef(TypedDict):
    """Which run this is; its settings are in the run table."""

    run_id: str
    tasks: str  # content address of the run's tasks: a JSON list of TaskEntry
    model: str  # what tells this model's answers from another's
    conditions: str  # digest of attempts, limits, seed, reward table, graph version
    watermark: int  # memories up to here are visible from the start
    ancestors: NotRequired[list[Ancestor]]  # of a fork: whose memories it goes on with, the nearest first
    learner: NotRequired[str]  # of a fork: the first original, whose train episodes it shares where nothing differs


class TaskEntry(TypedDict):
    """One task of a run."""

    task_id: str
    task: str  # content address
    split: Split


class Plan(TypedDict):
    """The batch that runs next; its tasks follow from (seed, epoch, batch)."""

    batch: int  # from 0, over all epochs
    epoch: int  # from 0
    horizon: Horizon
    memory_snapshot: str
    tasks: NotRequired[str]  # content address of its tasks, where they do not follow from (seed, epoch, batch)


class Progress(TypedDict):
    """How far the run has come."""

    batches: int  # train batches done
    episodes: int  # train episodes with a reward
    solved: int
    unscored: int  # train episodes given up for infrastructure failures
    measured_at: int  # number of batches at the last measurement; -1 before the first
    optimised_at: int  # number of episodes at the last optimisation
    tended_at: int  # number of episodes at the last memory care


class Measurement(TypedDict):
    """One point of the learning curve."""

    batch: int  # batches done before it
    split: Split
    episodes: int  # train episodes done before it
    solved: int
    solved_first: int
    n: int  # scored episodes
    unscored: int
    reward: float | None  # mean; None when n is 0


class LearningState(TypedDict, total=False):
    """All channels of the learning loop."""

    run: RunRef
    progress: Progress
    step: Step  # what supervise decided
    plan: Plan
    prompt_set: str
    curve: Annotated[list[Measurement], latest_by_batch]
