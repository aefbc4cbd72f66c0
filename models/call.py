"""One model call: messages in, text, usage and finish reason out, errors sorted into retry and give up."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import add_ai_message_chunks

from models.errors import classified
from models.prices import Price
from state.episode import Effort
from state.errors import PermanentError, RatchetError, TransientError
from state.message import Message
from state.usage import Usage

CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"})
REFUSED = frozenset({"content_filter", "refusal"})
# What kinds of models LangChain reaches over a wire: their answers say why they end, or were cut off on the way.
REMOTE = frozenset({"openai-chat", "anthropic-chat"})


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
    """length: it was cut off at a limit of tokens. Asking again would cut it off again, so it counts as it is."""
    usage: Usage
    effort: Effort | None = None
    """Where the model reports it, as `response_metadata["effort"]`."""


def ask(
    model: BaseChatModel,
    messages: Sequence[Message],
    address: Address | None = None,
    *,
    price: Price | None = None,
    stream: bool = False,
) -> Answer:
    """Ask a chat model, once.

    Raises TransientError for what is worth another try (timeouts, lost connections, rate limits, server errors, an
    answer that broke off), PermanentError for what is not (a refused request or content, no recorded answer),
    SetupError for a wrong key, name or address.
    """
    asked = [_message(m) for m in messages]
    started = time.monotonic()
    kind = model._llm_type  # LangChain's public name for what kind of model this is
    try:
        if kind == "recorded":
            message = model.invoke(asked, address=address)
        else:
            message = _streamed(model, asked) if stream else model.invoke(asked)
    except RatchetError:
        raise
    except Exception as error:
        raise classified(error) from error
    return Answer(
        finish=_finish(message, kind),
        text=_text(message),
        usage=_usage(message, time.monotonic() - started, price),
        effort=message.response_metadata.get("effort"),
    )


def _streamed(model: BaseChatModel, asked: Sequence[BaseMessage]) -> AIMessage:
    chunks = [chunk for chunk in model.stream(list(asked)) if isinstance(chunk, AIMessageChunk)]
    if not chunks:
        raise TransientError("the model's answer broke off before it began", reason="broken answer")
    return add_ai_message_chunks(*chunks)


def code_in(text: str, entry_point: str, prompt: str) -> str:
    """Return the program in an answer: its last fenced block that defines the entry point, else its longest block.

    Blocks in another language than Python do not count. An answer without fences counts as a program only if it looks
    like one. A bare function body continues the prompt. Returns "" when there is no program.
    """
    blocks = _blocks(text)
    if not blocks:
        return ""
    longest = max(blocks, key=len)
    if not entry_point:
        return longest.strip("\n") + "\n"
    defining = [block for block in blocks if re.search(rf"\bdef {re.escape(entry_point)}\b", block)]
    is_body = longest[:1].isspace() and f"def {entry_point}" in prompt
    code = defining[-1] if defining else prompt + longest if is_body else longest
    return code.strip("\n") + "\n"


def _blocks(text: str) -> list[str]:
    if "```" not in text:
        return [text] if _LOOKS_LIKE_CODE.search(text) else []
    return [block for block in _fenced(text) if block.strip()]


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


def _finish(message: AIMessage, kind: str) -> Literal["stop", "length"]:
    """Return why the answer ended; raises TransientError when it just broke off, PermanentError when it was refused."""
    told = message.response_metadata
    reason = told.get("finish_reason") or told.get("stop_reason")
    if not reason and told.get("status"):  # OpenAI's responses interface
        reason = (told.get("incomplete_details") or {}).get("reason") or told["status"]
    if reason in REFUSED:
        raise PermanentError(f"the model's provider refused the content ({reason})")
    if not reason and kind in REMOTE:
        raise TransientError("the model's answer broke off: it has no finish reason", reason="broken answer")
    return "length" if reason in CUT_OFF else "stop"


def _usage(message: AIMessage, seconds: float, price: Price | None) -> Usage:
    counted = message.usage_metadata
    known = counted is not None and counted["input_tokens"] > 0  # a server that does not count says 0
    cost = price.of(counted) if price and counted and known else None
    return {
        "prompt_tokens": counted["input_tokens"] if counted else 0,
        "completion_tokens": counted["output_tokens"] if counted else 0,
        "cost_usd": 0.0 if price is not None and price.is_free else cost,
        "model_s": seconds,
    }
