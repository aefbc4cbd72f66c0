"""The one place that sorts what can go wrong in a model call: try again, give up, or a matter of the user's setup."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

from state.errors import PermanentError, RatchetError, SetupError, TransientError
from state.json_values import JsonValue
from state.redaction import redacted

RETRY_STATUS = frozenset({408, 409, 425, 429})  # and everything from 500: the server's fault, or a passing one
SETUP_STATUS = frozenset({401, 402, 403, 404})  # a wrong key, name or address refuses every call: one is enough
NO_CREDIT = re.compile(r"insufficient_quota|billing_hard_limit|credit balance is too low", re.IGNORECASE)
# What a server may say inside a stream that began with status 200, as the status it means.
STATUS_OF_TYPE = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "invalid_request_error": 400,
}
# What an error without a status is, by the types and the names of those in its chain of causes; the first that fits.
PASSING: tuple[tuple[type[BaseException] | tuple[()], re.Pattern[str], str, str], ...] = (
    (TimeoutError, re.compile("Timeout"), "the model did not answer in time", "timeout"),
    (json.JSONDecodeError, re.compile("WireError"), "the model's answer was broken on its way", "broken answer"),
    (
        OSError,
        re.compile("Connection|Protocol|Network|TransportError|ReadError|WriteError|CloseError|Connect"),
        "the model could not be reached",
        "connection",
    ),
    # openai's, for an error inside a stream
    ((), re.compile(r"(?<!\S)APIError(?!\S)"), "the model broke its answer off", "broken answer"),
)
SAID = 300  # characters of the provider's own words


def classified(error: Exception) -> RatchetError:
    """Return the error of ours that says what to do about a provider's.

    By HTTP status; by what a broken stream said of itself; else by the kinds of errors in its chain of causes.
    Messages hold the provider's own words with every secret masked.
    """
    chain = list(_chain(error))
    what = redacted(f"{type(error).__name__}: {error}"[: SAID + 200])[:SAID]
    status = _status(chain)
    if status is not None:
        return _by_status(status, what, chain)
    names = " ".join(type(one).__name__ for one in chain)
    # by name as well as by type: the clients' own errors derive from Exception alone, and importing them is slow
    for kind, name, meaning, reason in PASSING:
        if any(isinstance(one, kind) for one in chain) or name.search(names):
            return TransientError(f"{meaning}: {what}", reason=reason)
    return PermanentError(f"the model call failed: {what}")


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return how many seconds the headers ask to wait; None where they do not say, never negative.

    `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), or `retry-after-ms`. now: seconds since the epoch.
    """
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after", "").strip()
        if not value:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(chain: list[BaseException]) -> int | None:
    for error in chain:
        said = _type_in(getattr(error, "body", None)) or getattr(error, "code", None)
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and status >= 400:
            return status
        if isinstance(said, str) and said in STATUS_OF_TYPE:
            return STATUS_OF_TYPE[said]
    return None


def _type_in(body: JsonValue) -> str | None:
    """Return the type that the body of an error names: {"error": {"type": …}} or the inner part alone."""
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    kind = inner.get("type") if isinstance(inner, Mapping) else None
    return kind if isinstance(kind, str) else None


def _headers(chain: list[BaseException]) -> Mapping[str, str]:
    """Return the headers of the response that an error came with, in small letters; {} where there is none."""
    for error in chain:
        response = getattr(error, "response", None)
        if response is not None:
            return {name.lower(): value for name, value in response.headers.items()}
    return {}


def _by_status(status: int, what: str, chain: list[BaseException]) -> RatchetError:
    if NO_CREDIT.search(what):
        return SetupError(f"the model's provider says that the account has no credit left ({status}): {what}")
    if status in RETRY_STATUS or status >= 500:
        wait_s = retry_after_s(_headers(chain), time.time())
        return TransientError(f"the model answered {status}: {what}", reason=str(status), retry_after_s=wait_s)
    if status in SETUP_STATUS:
        return SetupError(f"the model refused with {status}: check its name, its key and its address. It said: {what}")
    return PermanentError(f"the model refused the request with {status}: {what}")
