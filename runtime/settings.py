"""Settings: arguments over environment (RATCHET_*) over ratchet.toml over defaults."""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from rewards.combine import DEFAULT_WEIGHTS
from state.errors import SetupError
from state.task import SPLITS, Split

SETTINGS_FILE = Path("ratchet.toml")
# What a run's results do not depend on: the same run may be continued with other values of these.
INDEPENDENT = frozenset({"home", "concurrency", "require_isolation", "prompts"})  # a prompt set counts by its id


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
    model: str | None = None
    """Chat model that proposes; None: the model that is optimised."""
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
    """Chance of accepting a useless child; and of promoting one, over all candidates together."""
    score: Literal["auto", "reward", "solved", "effort"] = "auto"
    """What is compared; auto: the search effort where the model reports it, else the reward."""
    proposer_timeout_s: float = Field(default=300.0, gt=0)
    max_characters: int = Field(default=20_000, ge=1)
    """Of one component: a longer proposal is refused."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="RATCHET_", env_nested_delimiter="__", toml_file=SETTINGS_FILE, extra="forbid"
    )

    home: Path = Path(".ratchet")
    """Folder for everything that is kept."""
    model: str = "offline"
    base_url: str | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    model_timeout_s: float = Field(120.0, gt=0)
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
    tend_every: int = Field(0, ge=0)
    """Tend the memory every n train episodes; 0: never."""
    memories: int = Field(3, ge=0, le=50)
    """Memories shown to the model per episode; 0: none."""
    memory: Literal["run", "home"] = "run"
    """What a run starts with: nothing, so that runs can be compared, or what earlier runs of the home remembered."""
    seed: int = 0
    concurrency: int = Field(8, ge=1, le=1024)
    """Episodes at one time."""
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

    def that_matter(self) -> dict[str, Any]:
        """Return, as JSON values, the settings on which a run's results depend."""
        return self.model_dump(mode="json", exclude=set(INDEPENDENT))


def load_settings(**given: Any) -> Settings:
    """Read the settings; arguments that are None count as not given.

    Raises SetupError that names the setting and what it may be.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()]
        raise SetupError("settings: " + "; ".join(lines)) from error
    except SettingsError as error:
        example = """RATCHET_SPLITS='["train", "test"]'"""
        raise SetupError(f"settings: {error}: lists and tables are written as JSON there, like {example}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SetupError(f"{SETTINGS_FILE}: {error}") from error
