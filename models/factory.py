"""`provider:model` strings become chat models: offline, recorded:FILE, openai:NAME, anthropic:NAME."""

import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from models.names import PROVIDERS, check_model


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Which model, and how it is reached."""

    name: str = "offline"
    base_url: str | None = None
    """Of an OpenAI-compatible server (vLLM, Ollama, llama.cpp, LM Studio)."""
    temperature: float | None = None
    max_tokens: int | None = None
    """Of an answer, reasoning included; None: the provider's own limit."""
    stream: bool = False
    """Receive answers piece by piece: a stalled one is noticed after `timeout_s` between two pieces."""
    key_variable: str | None = None
    """Environment variable that holds the key, where it is not the provider's usual one."""
    timeout_s: float = 120.0
    budget: int = 20_000
    """Candidates that the offline model may try per answer."""
    workers: int | None = None
    """Search processes of the offline model; None: one per core."""


def make_model(spec: ModelSpec) -> BaseChatModel:
    """Build the chat model that a spec names.

    Raises SetupError for an unknown provider, a missing key, or a file of recorded answers that cannot be read.
    """
    check_model(spec.name, spec.base_url, spec.key_variable)
    provider, _, name = spec.name.partition(":")
    if spec.name == "offline":
        from models.offline.chat import OfflineChatModel

        return OfflineChatModel(budget=spec.budget, workers=spec.workers)
    if provider == "recorded":
        from models.recorded import RecordedChatModel

        return RecordedChatModel.from_file(Path(name))
    return _provider_model(provider, name, spec)


def close_model(model: BaseChatModel) -> None:
    """End what a model keeps open: connections, processes."""
    client = getattr(model, "http_client", None) or model.__dict__.get("_client") or model
    close = getattr(client, "close", None)
    if close is not None:
        close()


def model_id(model: BaseChatModel, spec: ModelSpec) -> str:
    """Return what tells this model's answers from another's: name, settings, and for recorded answers their content."""
    content = getattr(model, "content_digest", None)
    parts = [f"recorded:{content}" if content else spec.name]
    if spec.base_url:
        parts.append(spec.base_url)
    if spec.temperature is not None:
        parts.append(f"temperature={spec.temperature:g}")
    if spec.max_tokens is not None:
        parts.append(f"max_tokens={spec.max_tokens}")
    if spec.name == "offline":
        parts += [version("ratchet"), f"budget={spec.budget}"]  # another release may search otherwise
    return " ".join(parts)


def _provider_model(provider: str, name: str, spec: ModelSpec) -> BaseChatModel:
    key = os.environ.get(spec.key_variable or PROVIDERS[provider][0])
    arguments: dict[str, object] = {
        "model": name,
        "api_key": key or "none",
        "timeout": spec.timeout_s,
        "max_retries": 0,  # models.roles does it: one place
    }
    if spec.base_url:
        arguments["base_url"] = spec.base_url
    if spec.temperature is not None:
        arguments["temperature"] = spec.temperature
    return _openai(arguments, spec) if provider == "openai" else _anthropic(arguments, spec)


def _openai(arguments: dict[str, Any], spec: ModelSpec) -> BaseChatModel:
    from langchain_openai import ChatOpenAI

    from models.wire import wire_client

    if spec.max_tokens is not None and spec.base_url:
        arguments["extra_body"] = {"max_tokens": spec.max_tokens}  # other servers do not know the newer name
    elif spec.max_tokens is not None:
        arguments["max_tokens"] = spec.max_tokens
    return ChatOpenAI(**arguments, stream_usage=spec.stream, http_client=wire_client(spec.timeout_s))


def _anthropic(arguments: dict[str, Any], spec: ModelSpec) -> BaseChatModel:
    from langchain_anthropic import ChatAnthropic

    from models.wire import wire_client

    if spec.max_tokens is not None:
        arguments["max_tokens"] = spec.max_tokens
    model = ChatAnthropic(**arguments)
    # a cached property of the class: LangChain takes no HTTP client here
    model.__dict__["_client"] = model._client.with_options(http_client=wire_client(spec.timeout_s))
    return model
