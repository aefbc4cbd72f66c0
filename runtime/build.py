"""Settings become services."""

from dataclasses import dataclass
from functools import lru_cache

from checkpoints.ledger import Ledger
from checkpoints.optimisations import OptimisationLog
from checkpoints.questions import Questions
from memory.embedders import embedder_named
from memory.lifecycle import EPISODE_S
from memory.prior import Prior
from memory.store import MemoryStore
from models.cache import AnswerCache
from models.factory import ModelSpec, make_model, model_id
from models.limits import RateLimit
from models.meter import Meter
from models.names import address_of
from models.prices import price_of
from models.retry import Retries
from models.roles import Models, RoleModel
from prompts.registry import PromptRegistry
from rewards.combine import RewardTable
from runtime.homes import home_of
from runtime.settings import Settings, load_settings
from runtime.shelf import TaskShelf
from sandbox.local import LocalSandbox
from sandbox.protocol import Sandbox
from state.errors import SetupError
from state.role import ROLES, Role
from storage.contents import ContentStore
from storage.engine import Home


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
    questions: Questions
    optimisations: OptimisationLog
    models: Models
    sandbox: Sandbox
    rewards: RewardTable

    def close(self) -> None:
        """End the workers and close the databases."""
        self.sandbox.close()
        self.models.close()
        self.memory.close()
        self.home.close()


def model_spec(settings: Settings, role: Role = "generate", workers: int | None = None) -> ModelSpec:
    """Return which model the settings ask for in a role.

    workers: processes that a model of this machine may use; None: one per core.
    """
    given = settings.model_for(role)
    return ModelSpec(
        name=given.model,
        base_url=address_of(given.model, given.base_url),
        temperature=given.temperature,
        max_tokens=settings.max_tokens,
        stream=settings.stream,
        key_variable=given.key_env,
        timeout_s=settings.model_timeout_s,
        budget=settings.budget,
        workers=workers,
    )


def make_role_models(settings: Settings, workers: int | None = None) -> dict[Role, RoleModel]:
    """Make the models of all roles; roles with the same model share it and its rate limit.

    Raises SetupError for an unknown model, a missing key, or a cap on money where a price is unknown.
    """
    made: dict[ModelSpec, RoleModel] = {}
    specs = {role: model_spec(settings, role, workers) for role in ROLES}
    for spec in specs.values():
        if spec not in made:
            made[spec] = _role_model(spec, settings)
    return {role: made[spec] for role, spec in specs.items()}


def _role_model(spec: ModelSpec, settings: Settings) -> RoleModel:
    price = price_of(spec.name, spec.base_url, settings.prices)
    if price is None and settings.max_cost_usd is not None:
        raise SetupError(
            f"--max-cost needs prices, and that of {spec.name} is unknown. Give it in ratchet.toml, in dollars per "
            f'million tokens: [prices."{spec.name}"] input = 1.0, output = 2.0'
        )
    limited = settings.requests_per_minute is not None or settings.tokens_per_minute is not None
    model = make_model(spec)
    return RoleModel(
        model=model,
        model_id=model_id(model, spec),
        price=price,
        limit=RateLimit(settings.requests_per_minute, settings.tokens_per_minute) if limited else None,
        stream=spec.stream,
        max_tokens=spec.max_tokens,
    )


def open_services(settings: Settings, workers: int | None = None, holder: str = "") -> Services:
    """Open everything that the settings name; the cheap checks come first.

    workers: processes for programs, and for a model that runs on this machine; None: one per core. holder: names this
    process among those that work on the same run.
    Raises SetupError for what the user can fix: home, model, key, reward table. A sandbox that is not as isolated as
    the settings require refuses its first program.
    """
    rewards = RewardTable(settings.rewards)
    by_role = make_role_models(settings, workers)
    embedder = embedder_named(settings.embedder)
    home = home_of(settings)
    contents = ContentStore(home)
    return Services(
        settings=settings,
        home=home,
        contents=contents,
        tasks=TaskShelf(contents),
        ledger=Ledger(home),
        memory=MemoryStore(home, embedder=embedder, prior=_prior(settings), batch_s=EPISODE_S * settings.batch_size),
        prompts=PromptRegistry(home),
        questions=Questions(home),
        optimisations=OptimisationLog(home),
        models=Models(
            by_role,
            retries=Retries(count=settings.retries, first_wait_s=settings.retry_wait_s),
            meter=Meter(home, settings.max_cost_usd, holder),
            cache=AnswerCache(home) if settings.cache_answers else None,
        ),
        sandbox=LocalSandbox(workers, require=settings.require_isolation),
        rewards=rewards,
    )


def _prior(settings: Settings) -> Prior:
    weights = settings.prior
    return Prior(recency=weights.recency, importance=weights.importance, utility=weights.utility)


@lru_cache(maxsize=1)
def default_services() -> Services:
    """Return the services of `Context()`: settings from the environment and ratchet.toml, opened once per process."""
    return open_services(load_settings())
