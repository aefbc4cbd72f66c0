"""The channels of the episode graph: addresses, ids and small numbers; large texts are in the content store."""

from typing import Annotated, Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from state.decision import Decision
from state.memory_item import Horizon, MemoryKind
from state.reducers import latest_by_index
from state.review import Review
from state.reward import Reward
from state.task import Split
from state.usage import Usage
from state.verdict import ReportSummary

EpisodeId: TypeAlias = str


class EpisodeSpec(TypedDict):
    """What an episode is about: everything its result depends on, so that its id is the digest of its key.

    The key is (prompt set, memory snapshot, split, task, repeat, model, conditions); the other fields say
    how to get at those.
    """

    episode_id: EpisodeId
    run_id: str
    task_id: str
    task: str  # content address
    split: Split
    repeat: int  # from 0
    model: str
    prompt_set: str
    memory_snapshot: str  # "" when nothing is visible
    conditions: str  # digest of attempts, limits, seed, reward table, graph version
    horizon: Horizon
    attempts: int  # at most this many, from 1
    ask: NotRequired[bool]  # a person decides whether it is remembered
    learn: bool  # train tasks teach; held-out ones are only measured
    recall: NotRequired[str]  # content address of the task that the memory is asked about, where it is not its own


class Effort(TypedDict):
    """How much work an answer took, where the model says so; less is better at the same result."""

    tried: int  # from 1
    limit: int  # the most it may take


class Attempt(TypedDict):
    """One generated program with its execution: the fields are filled by generate, execute and reflect in turn."""

    index: int  # from 0
    request: str  # address of the messages, JSON
    answer: str  # address of the model's text
    code: str  # address of the program; "" when the model declined
    finish: Literal["stop", "length", "declined"]
    usage: Usage
    effort: NotRequired[Effort]  # of models that report it
    report: ReportSummary | None
    feedback: str  # address of what the next attempt is told; "" when nothing


class Recollection(TypedDict):
    """A memory that was shown to the model."""

    memory_id: str
    kind: MemoryKind
    score: float


class EpisodeState(TypedDict, total=False):
    """All channels of the episode graph."""

    episode: EpisodeSpec
    memories: list[Recollection]
    attempts: Annotated[list[Attempt], latest_by_index]
    review: Review
    reward: Reward
    decision: Decision  # what a person said, where one was asked
    remembered: list[str]  # ids of the memories written


def usages_of(state: EpisodeState) -> list[Usage]:
    """Return what every model call of an episode consumed: those for its programs, and those for their review."""
    programs = [attempt["usage"] for attempt in state.get("attempts", [])]
    opinion = state["review"].get("opinion") if "review" in state else None
    return programs + [call["usage"] for call in opinion["calls"]] if opinion else programs


def final_attempt(attempts: list[Attempt]) -> Attempt:
    """Return the attempt that counts: the one that passed most visible examples, the latest of equals.

    Chosen without looking at hidden tests, as an agent in use would. An attempt in which the model declined counts only
    when there is no other.
    """
    answered = [a for a in attempts if a["finish"] != "declined" and a["report"] is not None] or attempts
    return max(answered, key=_visible_passed)


def _visible_passed(attempt: Attempt) -> tuple[int, int]:
    report = attempt["report"]
    return (report["visible_passed"] if report else 0, attempt["index"])
