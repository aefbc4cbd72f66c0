"""What the nodes of a run may use: services, reached through `Runtime[Context]` and never stored."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver

from checkpoints.ledger import Ledger
from checkpoints.optimisations import OptimisationLog
from checkpoints.questions import Questions
from memory.store import MemoryStore
from models.roles import Models
from prompts.registry import PromptRegistry
from rewards.combine import RewardTable
from runtime.settings import Settings
from runtime.shelf import TaskShelf
from sandbox.protocol import Sandbox
from state.episode import EpisodeSpec
from state.errors import SetupError
from state.ledger import FinishedEpisode
from storage.contents import ContentStore
from telemetry.events import Sink, ignore

# Fields of Context that runtime.build.Services fills.
SERVICES = (
    "settings", "contents", "tasks", "ledger", "memory", "prompts", "questions", "optimisations", "models", "sandbox",
    "rewards",
)  # fmt: skip


class BatchResult(TypedDict):
    """What became of a batch: every episode is in one of the two."""

    finished: list[FinishedEpisode]
    unscored: list[str]  # ids of episodes that have no result, for infrastructure reasons


RunEpisodes = Callable[[Sequence[EpisodeSpec], str], BatchResult]


def no_batches(_specs: Sequence[EpisodeSpec], _phase: str) -> BatchResult:
    """Refuse: the context of a single episode runs no batches."""
    raise SetupError("this context runs single episodes only: batch.loop.LearningRun makes the one of a learning run")


def _default(name: str) -> Any:
    from runtime.build import default_services

    return getattr(default_services(), name)


@dataclass(frozen=True, kw_only=True)
class Context:
    """The services of a run. `Context()` works offline: the home in the working directory and the offline model."""

    settings: Settings = field(default_factory=partial(_default, "settings"))
    contents: ContentStore = field(default_factory=partial(_default, "contents"))
    tasks: TaskShelf = field(default_factory=partial(_default, "tasks"))
    ledger: Ledger = field(default_factory=partial(_default, "ledger"))
    memory: MemoryStore = field(default_factory=partial(_default, "memory"))
    prompts: PromptRegistry = field(default_factory=partial(_default, "prompts"))
    questions: Questions = field(default_factory=partial(_default, "questions"))
    optimisations: OptimisationLog = field(default_factory=partial(_default, "optimisations"))
    models: Models = field(default_factory=partial(_default, "models"))
    """Chat models by role: `context.models.ask("reflect", Question(…))`."""
    sandbox: Sandbox = field(default_factory=partial(_default, "sandbox"))
    rewards: RewardTable = field(default_factory=partial(_default, "rewards"))
    checkpointer: BaseCheckpointSaver[Any] | None = None
    """Where the periodic subgraphs of the learning loop keep their threads."""
    run_episodes: RunEpisodes = no_batches
    """Runs a batch; threads or another engine behind it."""
    at_hand: dict[str, object] = field(default_factory=dict)
    """What nodes of this process have read and may need again, by run; losing it loses time only."""
    events: Sink = ignore
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
