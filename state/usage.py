"""What model calls consumed, and what was said in them."""

from typing import Literal

from typing_extensions import TypedDict


class Usage(TypedDict):
    """What model calls consumed."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None  # None: the price is unknown
    model_s: float


class ModelCall(TypedDict):
    """One question to a model and its answer."""

    model: str  # what tells its answers from another's
    request: str  # address of the messages, JSON
    answer: str  # address of the model's text
    finish: Literal["stop", "length"]
    usage: Usage
