"""Settings: arguments over environment (RATCHET_*, also from a .env file) over ratchet.toml over defaults."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values, load_dotenv
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from models.prices import Price
from rewards.combine import DEFAULT_WEIGHTS
from runtime.complaints import in_plain_words
from runtime.origins import Origins
from state.errors import SetupError
from state.json_values import JsonObject
from state.role import Role
from state.task import SPLITS, Split

SETTINGS_FILE = Path("ratchet.toml")
# RATCHET_ variables that are no settings, named in storage.keys, whose import takes longer than help may.
OTHER_VARIABLES = frozenset({"RATCHET_ENCRYPTION_KEY", "RATCHET_NEW_ENCRYPTION_KEY"})
ENV_FILE = Path(".env")
ENV_PREFIX = "RATCHET_"
# What a run's results do not depend on: the same run may be continued with other values of these.
# (a prompt set counts by its id)
INDEPENDENT = frozenset(
    {
        "home",
        "database_url",
        "chroma_url",
        "concurrency",
        "require_isolation",
        "prompts",
        "key_env",
        "stream",
        "model_timeout_s",
        "retries",
    }
    | {"retry_wait_s", "requests_per_minute", "tokens_per_minute", "max_cost_usd", "cache_answers", "prices"}
    | {"langsmith_dataset", "langsmith_experiment", "engine", "ray_address", "actors"}
)


class SandboxSettings(BaseModel):  # no BaseSettings: that would read CPU_S and MEMORY_MB from the environment
    """Limits of one execution, where a task does not bring its own."""

    model_config = ConfigDict(extra="forbid")

    cpu_s: float = Field(default=10.0, gt=0, le=3600)
    wall_s: float = Field(default=60.0, gt=0, le=3600)
    memory_mb: int = Field(default=1024, ge=64)


class OptimiserSettings(BaseModel):
    """How prompts are optimised: `[optimiser]` in ratchet.toml."""

    model_config = ConfigDict(extra="forbid")

    proposers: list[str] = []
    """In the order of their turns; empty: those that suit the model."""
    components: list[str] = ["system", "skills"]
    """What a rewriting proposer may change, in turn."""
    iterations: int = Field(default=40, ge=1)
    patience: int = Field(default=3, ge=1)
    """Iterations without an accepted child after which a proposer hands over to the next."""
    target: float | None = None
    """Mean validation score at which to stop."""
    budget: dict[str, float] = {}
    """The most that may be spent: rollouts, model_calls, tokens, cost_usd, seconds."""
    examples: int = Field(default=8, ge=1)
    """Rollouts of the parent that a chat model is shown."""
    gate_first: int = Field(default=8, ge=1)
    gate_step: int = Field(default=8, ge=1)
    gate_cap: int = Field(default=64, ge=1)
    """Pairs of child and parent at the first look, growing by, at most."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Chance of accepting a useless child into the pool."""
    promotion_alpha: float = Field(default=0.02, gt=0, lt=1)
    """Chance of promoting a useless prompt set, over all candidates of an optimisation together."""
    score: Literal["auto", "reward", "solved", "effort"] = "auto"
    """What is compared; auto: the search effort where the model reports it, else the reward."""
    proposer_timeout_s: float = Field(default=300.0, gt=0)
    max_characters: int = Field(default=20_000, ge=1)
    """Of one component: a longer proposal is refused."""


class RoleSettings(BaseModel):
    """The model of a role, where it is not the one that writes programs."""

    model_config = ConfigDict(extra="forbid")

    model: str
    base_url: str | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    key_env: str | None = None


class PriorSettings(BaseModel):
    """By how much of its score what is known of a memory before the question raises it; measured in docs/memory.md."""

    model_config = ConfigDict(extra="forbid")

    recency: float = Field(default=0.0, ge=0, le=1)
    importance: float = Field(default=0.0, ge=0, le=1)
    utility: float = Field(default=0.0, ge=0, le=1)


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", toml_file=SETTINGS_FILE, extra="forbid"
    )

    home: Path = Path(".ratchet")
    """Folder for everything that is kept."""
    database_url: SecretStr = SecretStr("")
    """PostgreSQL database for everything that several machines share; "": a file in the home."""
    chroma_url: str = ""
    """Chroma server that mirrors the vectors of large memories for several machines; "": a folder in the home."""
    model: str = "offline"
    base_url: str | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1)
    """Of one answer, reasoning included; None: the provider's own limit."""
    key_env: str | None = None
    """Environment variable that holds the model's key, where it is not the provider's usual one."""
    roles: dict[Role, RoleSettings] = Field(default_factory=dict)
    """Models for reflect, review and propose; a role without one uses `model`."""
    stream: bool = False
    """Receive answers piece by piece: a stalled one is noticed sooner."""
    model_timeout_s: float = Field(120.0, gt=0)
    """For connecting, and between two pieces of an answer."""
    retries: int = Field(5, ge=0, le=100)
    """Tries of a model call after the first."""
    retry_wait_s: float = Field(1.0, ge=0, le=600)
    """Before the first retry; it doubles up to 60 s, and a server's Retry-After goes before it."""
    requests_per_minute: int | None = Field(None, ge=1)
    """To each model."""
    tokens_per_minute: int | None = Field(None, ge=1)
    max_cost_usd: float | None = Field(None, gt=0)
    """What a run may spend on models; it stops there, and continues with more."""
    cache_answers: bool = False
    """Keep answers by what was asked, and ask nothing twice."""
    langsmith_dataset: str = ""
    """Dataset whose examples the traces refer to; "": none."""
    langsmith_experiment: str = ""
    """Name of the experiment in that dataset, or of the project; "": the run, or LANGSMITH_PROJECT."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """By model, such as openai:qwen3, in US dollars per million tokens; they go before the bundled ones."""
    budget: int = Field(20_000, ge=1)
    """Candidates that the offline model may try per answer."""
    attempts: int = Field(3, ge=1, le=20)
    """Programs per episode: the first and its repairs."""
    repeats: int = Field(1, ge=1)
    """Episodes per task: independent samples, for pass@k."""
    epochs: int = Field(1, ge=1)
    """Passes over the train tasks."""
    batch_size: int = Field(32, ge=1)
    """Train tasks per batch: episodes of one batch do not see each other's memories."""
    measure_every: int = Field(0, ge=0)
    """Measure the held-out tasks before the first and after every n-th batch; 0: once, at the end."""
    optimise_every: int = Field(0, ge=0)
    """Optimise prompts every n train episodes; 0: never."""
    optimiser: OptimiserSettings = OptimiserSettings()
    tend_every: int = Field(100, ge=0)
    """Tend the memory every n train episodes: credit, retire, decay, consolidate; 0: never."""
    memories: int = Field(3, ge=0, le=50)
    """Memories shown to the model per episode; 0: none."""
    prior: PriorSettings = PriorSettings()
    recipes: int = Field(0, ge=0, le=10)
    """Repairs of like failures shown to the model when a program failed; 0: none (docs/memory.md#recipes)."""
    memory: Literal["run", "home"] = "run"
    """What a run starts with: nothing, so that runs can be compared, or what earlier runs of the home remembered."""
    ask: list[Literal["remember", "promote"]] = Field(default_factory=list)
    """What a person is asked about first: what an episode remembers, what an optimisation promotes."""
    embedder: str = ""
    """Dense vectors beside the words: hashed, onnx:FOLDER, PROVIDER:MODEL of LangChain's; empty: none."""
    shuffle_memories: bool = False
    """A control: every episode is shown what the memory holds for another task of its batch."""
    skills: bool = True
    """Show the prompt's skill lines; False: a control."""
    draw: Literal["shuffled", "learnable"] = "shuffled"
    """Order of the train tasks after the first epoch: another draw each, or what is solved now and then first."""
    seed: int = 0
    concurrency: int = Field(8, ge=1, le=65_536)
    """Episodes at one time; at most 1024 with the engine local."""
    engine: Literal["local", "ray"] = "local"
    """Where episodes run: threads of this process, or processes of a Ray cluster."""
    ray_address: str = ""
    """Of a cluster, such as auto or host:6379; "": Ray is started on this machine for as long as the run takes."""
    actors: int | None = Field(None, ge=1)
    """Processes on Ray; None: one per CPU, at most one per episode at a time."""
    prompts: str = ""
    """Prompt set to begin with: an id, a folder of Markdown files; empty: the one in use."""
    limit: int | None = Field(None, ge=1)
    """Only the first n tasks of the file."""
    splits: list[Split] = Field(default=list(SPLITS))
    require_isolation: Literal["rlimit", "landlock", "full"] = "rlimit"
    """Refuse to run strangers' code below this level."""
    sandbox: SandboxSettings = SandboxSettings()
    rewards: dict[str, float] = Field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    """Weights by reward component."""

    @field_validator("chroma_url")
    @classmethod
    def check_url(cls, url: str) -> str:
        """Refuse what is no address of a server."""
        if url and not re.fullmatch(r"https?://[^/\s]+/?", url):
            raise PydanticCustomError("url", "must be a URL such as http://host:8000")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, ratchet.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def model_for(self, role: Role) -> RoleSettings:
        """Return the model of a role, and how it is reached."""
        return self.roles.get(role) or RoleSettings(
            model=self.model, base_url=self.base_url, temperature=self.temperature, key_env=self.key_env
        )

    def that_matter(self) -> JsonObject:
        """Return, as JSON values, the settings on which a run's results depend."""
        return self.model_dump(mode="json", exclude=set(INDEPENDENT))


def load_settings(*, spelled: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Read the settings; arguments that are None count as not given.

    spelled: how the command line writes an argument, by setting, for messages.
    A `.env` file in the working directory adds to the environment what it does not hold yet, keys included.
    Raises SetupError that names the option, the variable or the key of ratchet.toml, and what it may be.
    """
    try:
        only_there = frozenset(name.upper() for name in dotenv_values(ENV_FILE) if name not in os.environ)
        load_dotenv(ENV_FILE)
    except (UnicodeDecodeError, OSError) as error:
        raise SetupError(f"{ENV_FILE}: {error}") from error
    given = {name: value for name, value in given.items() if value is not None}
    try:
        _refuse_unknown_variables()
        return Settings(**given)
    except ValidationError as error:
        origins = Origins(
            given=given, spelled=spelled or {}, prefix=ENV_PREFIX, env_file=str(ENV_FILE), only_there=only_there,
            file=str(SETTINGS_FILE), held=tomllib.loads(SETTINGS_FILE.read_text()) if SETTINGS_FILE.exists() else {},
        )  # fmt: skip
        raise SetupError(in_plain_words(error, list(_paths(Settings)), origins)) from error
    except SettingsError as error:
        raise SetupError(_not_json(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SetupError(f"{SETTINGS_FILE}: {error}") from error


def _not_json(error: SettingsError) -> str:
    """Say which variable should have been JSON: the error tells its setting in words alone."""
    named = re.search(r'field "(\w+)"', str(error))
    variable = f"{ENV_PREFIX}{named[1]}".upper() if named else str(error)
    example = """RATCHET_SPLITS='["train", "test"]'"""
    return f"{variable}: lists and tables are written as JSON in the environment, like {example}"


def _paths(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Yield every setting, as dotted paths."""
    for name, field in model.model_fields.items():
        yield above + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _paths(field.annotation, f"{above}{name}.")


def _refuse_unknown_variables() -> None:
    """Raise SetupError for a RATCHET_ variable that means nothing: a misspelt limit would be no limit."""
    known = {f"{ENV_PREFIX}{path.replace('.', '__')}".upper() for path in _paths(Settings)} | OTHER_VARIABLES
    for name in sorted(os.environ):
        if name.upper().startswith(ENV_PREFIX) and name.upper().partition("__")[0] not in known:
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.75)
            hint = f"did you mean {near[0]}?" if near else "`ratchet run --help` lists the settings"
            raise SetupError(f"{name} in the environment is no setting: {hint}")
