"""`provider:model` strings become chat models: offline, recorded:FILE, openai:NAME, anthropic:NAME."""

import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from langchain_core.language_models import BaseChatModel

from state.errors import SetupError

# Environment variable that holds the key, and the name of the chat model class in its package.
PROVIDERS = {
    "openai": ("OPENAI_API_KEY", "langchain_openai", "ChatOpenAI"),
    "anthropic": ("ANTHROPIC_API_KEY", "langchain_anthropic", "ChatAnthropic"),
}
HELP = "offline, recorded:FILE, openai:NAME (or any OpenAI-compatible server with --base-url), anthropic:NAME"


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Which model, and how it is reached."""

    name: str = "offline"
    base_url: str | None = None
    """Of an OpenAI-compatible server (vLLM, Ollama, llama.cpp, LM Studio)."""
    temperature: float | None = None
    timeout_s: float = 120.0
    budget: int = 20_000
    """Candidates that the offline model may try per answer."""
    workers: int | None = None
    """Search processes of the offline model; None: one per core."""


def make_model(spec: ModelSpec) -> BaseChatModel:
    """Build the chat model that a spec names.

    Raises SetupError for an unknown provider, a missing key, or a file of recorded answers that cannot be read.
    """
    provider, _, name = spec.name.partition(":")
    if spec.name == "offline":
        from models.offline.chat import OfflineChatModel

        return OfflineChatModel(budget=spec.budget, workers=spec.workers)
    if provider == "recorded" and name:
        from models.recorded import RecordedChatModel

        return RecordedChatModel.from_file(Path(name))
    if provider in PROVIDERS and name:
        return _provider_model(provider, name, spec)
    raise SetupError(f"unknown model {spec.name!r}. Models: {HELP}")


def model_id(model: BaseChatModel, spec: ModelSpec) -> str:
    """Return what tells this model's answers from another's: name, settings, and for recorded answers their content."""
    content = getattr(model, "content_digest", None)
    parts = [f"recorded:{content}" if content else spec.name]
    if spec.base_url:
        parts.append(spec.base_url)
    if spec.temperature is not None:
        parts.append(f"temperature={spec.temperature:g}")
    if spec.name == "offline":
        parts += [version("ratchet"), f"budget={spec.budget}"]  # another release may search otherwise
    return " ".join(parts)


def _provider_model(provider: str, name: str, spec: ModelSpec) -> BaseChatModel:
    from importlib import import_module

    key_variable, module, class_name = PROVIDERS[provider]
    key = os.environ.get(key_variable)
    if not key and not spec.base_url:
        raise SetupError(
            f"{spec.name} needs a key: set {key_variable} in the environment. Without one, try --model offline"
        )
    arguments: dict[str, object] = {
        "model": name,
        "api_key": key or "none",
        "timeout": spec.timeout_s,
        "max_retries": 0,  # the graph's retry policy does it: one place
    }
    if spec.base_url:
        arguments["base_url"] = spec.base_url
    if spec.temperature is not None:
        arguments["temperature"] = spec.temperature
    model: BaseChatModel = getattr(import_module(module), class_name)(**arguments)
    return model
