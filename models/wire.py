"""A strict HTTP client for the providers' SDKs: what arrives broken is an error, not a shorter answer.

The SDKs skip lines of an event stream that they cannot read, so that a corrupt answer looks like a short one.
"""

import json
from collections.abc import Iterator

import httpx2

CONNECTIONS = 1000  # as many as the SDKs allow themselves
FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


class WireError(httpx2.TransportError):
    """A response that no server would send on purpose."""


def wire_client(timeout_s: float) -> httpx2.Client:
    """Return the HTTP client that a provider's SDK gets. timeout_s: for connecting, and between two pieces of data."""
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    hooks = {"response": [_check]}
    return httpx2.Client(timeout=timeout_s, limits=limits, event_hooks=hooks, follow_redirects=True)


def _check(response: httpx2.Response) -> None:
    if response.status_code != 200:
        return
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        response.stream = _CheckedStream(response.stream)
        return
    try:
        json.loads(response.read())
    except ValueError as error:
        raise WireError(f"status 200 with a body that is not JSON: {error}", request=response.request) from error


class _CheckedStream(httpx2.SyncByteStream):
    """An event stream whose every line is one that the format knows. Source: HTML standard, server-sent events."""

    def __init__(self, stream: object) -> None:
        assert isinstance(stream, httpx2.SyncByteStream)
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for piece in self._stream:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                _check_line(line.strip(b"\r"))
            yield piece

    def close(self) -> None:
        self._stream.close()


def _check_line(line: bytes) -> None:
    if line and not line.startswith(FIELDS):
        raise WireError(f"a line that is none of an event stream: {line[:40]!r}")
    if line.startswith(b"data:") and line[5:].strip() not in (b"", b"[DONE]"):
        try:
            json.loads(line[5:])
        except ValueError as error:
            raise WireError(f"an event that is not JSON: {error}") from error
