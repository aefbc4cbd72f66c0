"""What a call costs: a bundled, dated table, and the user's own prices over it."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from langchain_core.messages.ai import (
        UsageMetadata,
    )  # settings hold prices, and are read by commands that are quick

MILLION = 1_000_000
VERSION = re.compile(r"(-latest|-\d{8}|-\d{4}-\d{2}-\d{2}|-0)$")  # of a model's name: its dated releases cost the same


class Price(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    """Tokens that the provider read from its cache; None: as input."""
    cache_write: float | None = Field(default=None, ge=0)
    """Tokens that it wrote to its cache; None: as input."""
    up_to: int | None = Field(default=None, ge=1)
    """Prompts of more tokens cost something else, which is not known here."""

    @property
    def is_free(self) -> bool:
        """Tell whether nothing has to be paid, whatever the size."""
        return self.input == self.output == 0

    def of(self, usage: "UsageMetadata") -> float | None:
        """Return the dollars that a call cost; None when its size is outside of what the price is for."""
        if self.up_to is not None and usage["input_tokens"] > self.up_to:
            return None
        details = usage.get("input_token_details", {})
        read, written = details.get("cache_read") or 0, details.get("cache_creation") or 0
        read_price = self.input if self.cached_input is None else self.cached_input
        write_price = self.input if self.cache_write is None else self.cache_write
        plain = max(0, usage["input_tokens"] - read - written)
        dollars = plain * self.input + read * read_price + written * write_price + usage["output_tokens"] * self.output
        return dollars / MILLION


FREE = Price(input=0, output=0)


def price_of(name: str, base_url: str | None, own: Mapping[str, Price]) -> Price | None:
    """Return the price of `provider:model`; None when it is unknown.

    own: the user's prices, by the same names: they count for every server. The bundled ones count for the provider's
    own endpoint alone, and also for a model's dated releases (`gpt-5.2-2025-12-11`).
    """
    if name == "offline" or name.startswith("recorded:"):
        return FREE
    if name in own:
        return own[name]
    if base_url:
        return None
    bundled, _ = bundled_prices()
    return bundled.get(name) or bundled.get(VERSION.sub("", name))


@lru_cache(maxsize=1)
def bundled_prices() -> tuple[dict[str, Price], date]:
    """Return the bundled prices by model, and the day they are of."""
    table = tomllib.loads(files("models").joinpath("prices.toml").read_text("utf-8"))
    return {name: Price(**price) for name, price in table["models"].items()}, table["dated"]
