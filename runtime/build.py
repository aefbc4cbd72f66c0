"""Settings become services."""

from dataclasses import dataclass, replace
from functools import lru_cache

from langchain_core.language_models import BaseChatModel

from checkpoints.ledger import Ledger
from checkpoints.optimisations import OptimisationLog
from memory.store import MemoryStore
from models.factory import ModelSpec, make_model
from prompts.registry import PromptRegistry
from rewards.combine import RewardTable
from runtime.settings import Settings, load_settings
from runtime.shelf import TaskShelf
from sandbox.local import LocalSandbox
from sandbox.protocol import Sandbox
from storage.contents import ContentStore
from storage.engine import Home, open_home


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a context is made of, and what has to be closed at the end."""

    settings: Settings
    home: Home
    contents: ContentStore
    tasks: TaskShelf
    ledger: Ledger
    memory: MemoryStore
    prompts: PromptRegistry
    optimisations: OptimisationLog
    model: BaseChatModel
    proposing_model: BaseChatModel
    sandbox: Sandbox
    rewards: RewardTable

    def close(self) -> None:
        """End the workers and close the databases."""
        self.sandbox.close()
        for model in (self.model, self.proposing_model):
            close_model = getattr(model, "close", None)
            if close_model is not None:
                close_model()
        self.memory.close()
        self.home.close()


def model_spec(settings: Settings) -> ModelSpec:
    """Return which model the settings ask for."""
    return ModelSpec(
        name=settings.model,
        base_url=settings.base_url,
        temperature=settings.temperature,
        timeout_s=settings.model_timeout_s,
        budget=settings.budget,
    )


def open_services(settings: Settings) -> Services:
    """Open everything that the settings name; the cheap checks come first.

    Raises SetupError for what the user can fix: home, model, key, reward table. A sandbox that is not as isolated as
    the settings require refuses its first program.
    """
    rewards = RewardTable(settings.rewards)
    model = make_model(model_spec(settings))
    other = settings.optimiser.model
    proposing_model = make_model(replace(model_spec(settings), name=other, base_url=None)) if other else model
    home = open_home(settings.home)
    contents = ContentStore(home)
    return Services(
        settings=settings,
        home=home,
        contents=contents,
        tasks=TaskShelf(contents),
        ledger=Ledger(home),
        memory=MemoryStore(home),
        prompts=PromptRegistry(home),
        optimisations=OptimisationLog(home),
        model=model,
        proposing_model=proposing_model,
        sandbox=LocalSandbox(require=settings.require_isolation),
        rewards=rewards,
    )


@lru_cache(maxsize=1)
def default_services() -> Services:
    """Return the services of `Context()`: settings from the environment and ratchet.toml, opened once per process."""
    return open_services(load_settings())
