import json
from email.utils import formatdate
from typing import Any

import pytest

from models.errors import classified, retry_after_s
from models.retry import Retries
from state.errors import PermanentError, RatchetError, SetupError, TransientError


class Response:
    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers


class StatusError(Exception):
    def __init__(self, status: int, text: str = "", body: object = None, **headers: str) -> None:
        super().__init__(text)
        self.status_code, self.body, self.response = status, body, Response(headers)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 529])
def test_these_statuses_are_worth_another_try(status: int) -> None:
    error = classified(StatusError(status))
    assert (type(error), getattr(error, "reason", "")) == (TransientError, str(status))


@pytest.mark.parametrize(
    ("status", "sort"),
    [
        (400, PermanentError),
        (413, PermanentError),
        (422, PermanentError),
        (401, SetupError),
        (402, SetupError),
        (403, SetupError),
        (404, SetupError),
    ],
)
def test_these_are_not(status: int, sort: type[RatchetError]) -> None:
    assert type(classified(StatusError(status))) is sort


def test_an_account_without_credit_is_the_users_to_fix_though_it_comes_as_429() -> None:
    assert type(classified(StatusError(429, "code: insufficient_quota"))) is SetupError


def test_an_error_inside_a_stream_means_the_status_it_names() -> None:
    error = classified(StatusError(200, body={"type": "error", "error": {"type": "overloaded_error"}}))
    assert isinstance(error, TransientError)
    assert error.reason == "529"


def test_the_cause_counts_where_the_error_itself_says_nothing() -> None:
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = json.JSONDecodeError("cut", "{", 1)
    assert isinstance(classified(wrapped), TransientError)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": formatdate(1_000_030, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(999_000, usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_what_the_server_asks_for_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, 1_000_000.0) == seconds


def test_a_key_that_a_provider_repeats_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    assert "very-secret" not in str(classified(StatusError(401, "bad key sk-very-secret")))


def test_waits_double_up_to_a_limit_and_are_drawn_from_the_cause() -> None:
    retries = Retries(first_wait_s=1.0, longest_wait_s=8.0)
    waits: list[Any] = [retries.wait_s(number, "episode 1", None) for number in range(8)]
    assert all(min(8.0, 2.0**n) / 2 <= wait <= min(8.0, 2.0**n) for n, wait in enumerate(waits))
    assert waits == [retries.wait_s(number, "episode 1", None) for number in range(8)]
    assert waits != [retries.wait_s(number, "episode 2", None) for number in range(8)]


def test_a_server_that_asked_for_a_wait_gets_at_least_that() -> None:
    assert 30.0 <= Retries().wait_s(0, "episode", 30.0) < 31.0
