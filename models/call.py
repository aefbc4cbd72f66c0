"""One model call: messages in, text, usage and finish reason out, errors sorted into retry and give up."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from state.episode import Usage
from state.errors import PermanentError, RatchetError, TransientError
from state.message import Message

RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
FREE_MODELS = frozenset({"offline-synth", "recorded"})


class Address(TypedDict):
    """Where in a recording an answer lies. Only a recorded model is told: every other one reads its messages alone."""

    task_id: str
    prompt: str
    repeat: int
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said."""

    text: str
    finish: Literal["stop", "length"]
    usage: Usage


def ask(model: BaseChatModel, messages: Sequence[Message], address: Address) -> Answer:
    """Ask a chat model.

    Raises TransientError for what is worth another try (timeouts, lost connections, rate limits, server errors),
    PermanentError for what is not (a refused request, a wrong key, no recorded answer).
    """
    asked = [_message(m) for m in messages]
    started = time.monotonic()
    try:
        # _llm_type is LangChain's public name for what kind of model this is
        message = model.invoke(asked, address=address) if model._llm_type == "recorded" else model.invoke(asked)
    except RatchetError:
        raise
    except Exception as error:
        raise _classified(error) from error
    return Answer(text=_text(message), finish=_finish(message), usage=_usage(message, time.monotonic() - started))


def code_in(text: str, entry_point: str, prompt: str) -> str:
    """Return the program in an answer: its last fenced block that defines the entry point, else its longest block.

    An answer without fences counts as a program only if it looks like one. A bare function body continues the prompt.
    Returns "" when there is no program.
    """
    blocks = [m.group("body") for m in _FENCE.finditer(text)]
    if not blocks and re.search(r"^(def|class|import|from) ", text, re.MULTILINE):
        blocks = [text]
    if not blocks:
        return ""
    defining = [b for b in blocks if entry_point and re.search(rf"\bdef {re.escape(entry_point)}\b", b)]
    code = defining[-1] if defining else max(blocks, key=len)
    if entry_point and not defining and f"def {entry_point}" in prompt and code[:1].isspace():
        code = prompt + code
    return code.strip("\n") + "\n"


_FENCE = re.compile(
    r"^(?P<fence>`{3,})[ \t]*(?:python|py|python3)?[ \t]*\n(?P<body>.*?)^(?P=fence)[ \t]*$",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def _message(message: Message) -> BaseMessage:
    kind = SystemMessage if message["role"] == "system" else HumanMessage
    return kind(content=message["content"])


def _text(message: AIMessage) -> str:
    text: str = message.text
    return text


def _finish(message: AIMessage) -> Literal["stop", "length"]:
    reason = message.response_metadata.get("finish_reason") or message.response_metadata.get("stop_reason")
    return "length" if reason in ("length", "max_tokens") else "stop"


def _usage(message: AIMessage, seconds: float) -> Usage:
    counted = message.usage_metadata
    free = message.response_metadata.get("model_name") in FREE_MODELS
    return {
        "prompt_tokens": counted["input_tokens"] if counted else 0,
        "completion_tokens": counted["output_tokens"] if counted else 0,
        "cost_usd": 0.0 if free else None,
        "model_s": seconds,
    }


def _classified(error: Exception) -> RatchetError:
    """Sort a provider's error by its HTTP status, or by its name where there is none."""
    status = getattr(error, "status_code", None)
    what = f"{type(error).__name__}: {str(error)[:300]}"
    if status in RETRY_STATUS:
        return TransientError(f"the model answered {status}: {what}")
    if status is not None:
        return PermanentError(f"the model refused the request with {status}: {what}")
    if re.search(r"Timeout|Connection|Protocol|Network|ReadError|JSONDecode", type(error).__name__):
        return TransientError(f"the model could not be reached: {what}")
    return PermanentError(f"the model call failed: {what}")
