"""One model call: messages in, text, usage and finish reason out, errors sorted into retry and give up."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from state.episode import Effort, Usage
from state.errors import PermanentError, RatchetError, SetupError, TransientError
from state.message import Message

RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
SETUP_STATUS = frozenset({401, 404})  # a wrong key or name refuses every call: one answer is enough
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
    effort: Effort | None = None
    """Where the model reports it, as `response_metadata["effort"]`."""


def ask(model: BaseChatModel, messages: Sequence[Message], address: Address) -> Answer:
    """Ask a chat model.

    Raises TransientError for what is worth another try (timeouts, lost connections, rate limits, server errors),
    PermanentError for what is not (a refused request, no recorded answer), SetupError for a wrong key, name or address.
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
    return Answer(
        text=_text(message),
        finish=_finish(message),
        usage=_usage(message, time.monotonic() - started),
        effort=message.response_metadata.get("effort"),
    )


def code_in(text: str, entry_point: str, prompt: str) -> str:
    """Return the program in an answer: its last fenced block that defines the entry point, else its longest block.

    Blocks in another language than Python do not count. An answer without fences counts as a program only if it looks
    like one. A bare function body continues the prompt. Returns "" when there is no program.
    """
    blocks = [block for block in _fenced(text) if block.strip()]
    if not blocks and "```" not in text and _LOOKS_LIKE_CODE.search(text):
        blocks = [text]
    if not blocks:
        return ""
    defining = [b for b in blocks if entry_point and re.search(rf"\bdef {re.escape(entry_point)}\b", b)]
    code = defining[-1] if defining else max(blocks, key=len)
    if entry_point and not defining and f"def {entry_point}" in prompt and code[:1].isspace():
        code = prompt + code
    return code.strip("\n") + "\n"


_LOOKS_LIKE_CODE = re.compile(
    r"^(def \w+\(|class \w+[:(]|import \w[\w., ]*$|from [\w.]+ import )", re.MULTILINE
)  # and not prose: "from the examples ..."
_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,})[ \t]*(?P<language>[\w.+#-]*)[^`]*")
PYTHON = frozenset({"", "py", "py3", "python", "python3", "python3.11", "python3.12", "python3.13"})


def _fenced(text: str) -> list[str]:
    """Return the fenced blocks in Python, or in no language that is named, without their indentation.

    As in CommonMark a block ends at a fence at least as long as the one that began it, or with the text: an answer
    that was cut off still shows what it had. Source: CommonMark 0.31, section 4.5.
    """
    blocks: list[str] = []
    opening: re.Match[str] | None = None
    body: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        fence = _FENCE.fullmatch(line)
        if opening is None:
            opening, body = fence, []
        elif fence and not fence["language"] and len(fence["fence"]) >= len(opening["fence"]):
            _add_block(blocks, opening, body)
            opening = None
        else:
            body.append(line.removeprefix(opening["indent"]))
    if opening is not None:
        _add_block(blocks, opening, body)
    return blocks


def _add_block(blocks: list[str], opening: re.Match[str], body: list[str]) -> None:
    if opening["language"].lower() in PYTHON:
        blocks.append("\n".join(body) + "\n")


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
    if status in SETUP_STATUS:
        return SetupError(f"the model refused with {status}: check its name, its key and its address. It said: {what}")
    if status is not None:
        return PermanentError(f"the model refused the request with {status}: {what}")
    if re.search(r"Timeout|Connection|Protocol|Network|ReadError|JSONDecode", type(error).__name__):
        return TransientError(f"the model could not be reached: {what}")
    return PermanentError(f"the model call failed: {what}")
