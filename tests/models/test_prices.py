import re
from datetime import date
from typing import Any

import pytest

from models.prices import FREE, Price, bundled_prices, price_of


def usage(**given: Any) -> Any:
    return {"input_tokens": 1_000_000, "output_tokens": 100_000, "total_tokens": 1_100_000} | given


def test_cached_tokens_have_their_own_price_and_answers_theirs() -> None:
    price = Price(input=2.0, output=10.0, cached_input=0.5, cache_write=4.0)
    assert price.of(usage()) == pytest.approx(3.0)
    details = {"cache_read": 400_000, "cache_creation": 100_000}
    assert price.of(usage(input_token_details=details)) == pytest.approx(1.0 + 0.2 + 0.4 + 1.0)


def test_a_prompt_beyond_what_a_price_is_for_costs_nobody_knows_what() -> None:
    assert Price(input=1, output=1, up_to=999_999).of(usage()) is None
    assert Price(input=1, output=1, up_to=1_000_000).of(usage()) is not None


def test_dated_releases_cost_what_their_model_costs_and_other_servers_nobody_knows_what() -> None:
    assert price_of("openai:gpt-5.2-2025-12-11", None, {}) == price_of("openai:gpt-5.2", None, {}) is not None
    assert price_of("anthropic:claude-opus-4-20250514", None, {}) is not None
    assert price_of("openai:gpt-5.2", "http://localhost:11434/v1", {}) is None
    assert price_of("openai:no-such-model", None, {}) is None
    assert price_of("offline", None, {}) == price_of("recorded:x.jsonl", None, {}) == FREE


def test_the_users_prices_go_before_the_bundled_ones() -> None:
    own = {"openai:gpt-5.2": Price(input=7, output=7)}
    assert price_of("openai:gpt-5.2", "http://localhost/v1", own) == own["openai:gpt-5.2"]


def test_the_bundled_prices_are_dated_and_name_models_of_providers() -> None:
    prices, dated = bundled_prices()
    assert dated >= date(2026, 11, 1)
    assert all(re.fullmatch(r"(openai|anthropic):[\w.-]+", name) for name in prices)
    assert all(0 < price.input <= price.output for price in prices.values())
