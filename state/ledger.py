"""Rows of the ledger and of the run table."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from state.episode import Effort
from state.json_values import JsonObject
from state.task import Split


class FinishedEpisode(TypedDict):
    """One row of the ledger. Everything but the times and the cost is a function of the episode's key."""

    episode_id: str
    prompt_set: str
    memory_snapshot: str
    split: Split
    task_id: str
    task: str
    repeat: int
    model: str
    conditions: str
    solved_first: int  # 0 or 1
    solved: int  # 0 or 1
    attempts: int
    reward: float
    components: dict[str, float]
    outcome: "Outcome"
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    model_s: float
    sandbox_s: float  # CPU seconds
    wall_s: float
    finished_at: float


class Outcome(TypedDict):
    """How the final attempt ended."""

    status: str  # of the first test that did not pass; "passed"
    passed: int
    total: int
    limit: str
    declined: bool  # the model said that it has no answer
    overfit: bool  # every visible example passed, a hidden test did not
    code: str  # content address
    memories: list[str]  # ids that the model was shown
    remembered: list[str]  # ids that the episode wrote
    effort: NotRequired[Effort]  # of all attempts, where the model reports it; the limit is that of all it may make
    report: NotRequired[str]  # content address of the final attempt's report; "" when nothing was executed


class Trained(TypedDict):
    """What a finished train episode says of the memories that it was shown."""

    episode_id: str
    task: str  # content address
    batch: int
    attempts: int
    reward: float
    memories: list[str]  # ids that the model was shown
    found: bool  # another run executed it


class Failure(TypedDict):
    """An episode that has no result because something other than the program broke."""

    episode_id: str
    run_id: str
    task_id: str
    spec: JsonObject
    phase: str
    position: int
    reason: str
    count: int
    passing: int  # 1: the same command may succeed later; 0: not as long as everything stays as it is
    failed_at: float


class RunRow(TypedDict):
    """One learning run."""

    run_id: str
    settings: JsonObject
    status: Literal["running", "stopped", "done", "killed"]
    started_at: float
    ended_at: float | None
    active_s: float  # seconds that processes worked on it; a killed one did not get to add its own
