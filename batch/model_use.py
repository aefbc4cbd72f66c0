"""What a run's model calls came to, for reports: failed tries and their reasons included."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from storage.usage import Use

RETRY = "retry: "


@dataclass(frozen=True, kw_only=True)
class ModelUse:
    """The calls of one role to one model."""

    role: str
    model: str
    calls: int
    """Answers; tries that failed are in `retries`."""
    retries: dict[str, int]
    """Failed tries by reason."""
    cut_off: int
    """Answers that ended at a limit of tokens."""
    from_cache: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    """None when a price is unknown."""
    model_s: float

    @property
    def tokens(self) -> int:
        """Of questions and answers together."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def failed_tries(self) -> int:
        """How many tries failed."""
        return sum(self.retries.values())


def model_uses(use: Use) -> list[ModelUse]:
    """Return the figures by role and model, in that order."""
    return [_model_use(role, model, amounts) for (role, model), amounts in sorted(use.items())]


def sentences(uses: Sequence[ModelUse]) -> list[str]:
    """Return what a report says below its tables: why calls were tried again, and what was cut off."""
    reasons: Counter[str] = Counter()
    for use in uses:
        reasons.update(use.retries)
    lines = []
    if reasons:
        listed = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        lines.append(f"{reasons.total()} tries of model calls failed and were repeated or given up: {listed}.")
    cut_off = sum(use.cut_off for use in uses)
    if cut_off:
        lines.append(f"{cut_off} answers were cut off at a limit of tokens: --max-tokens raises it.")
    return lines


def _model_use(role: str, model: str, amounts: dict[str, float]) -> ModelUse:
    def count(measure: str) -> int:
        return round(amounts.get(measure, 0.0))

    return ModelUse(
        role=role,
        model=model,
        calls=count("calls"),
        retries={name.removeprefix(RETRY): round(n) for name, n in amounts.items() if name.startswith(RETRY)},
        cut_off=count("cut off"),
        from_cache=count("from cache"),
        prompt_tokens=count("prompt_tokens"),
        completion_tokens=count("completion_tokens"),
        cost_usd=None if amounts.get("unpriced") else amounts.get("cost_usd", 0.0),
        model_s=amounts.get("model_s", 0.0),
    )
