"""Requests and tokens per minute: calls wait for their turn before they are sent."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 60.0


@dataclass
class _Sent:
    """One call in the window."""

    at: float
    tokens: int


class RateLimit:
    """Keeps calls within so many requests and tokens in any 60 seconds, over all threads of this process.

    None means no limit. Tokens are estimated before a call and set right after it. A call that alone is larger than
    the limit waits for an empty window, then goes.
    """

    def __init__(self, requests: int | None, tokens: int | None, now: Callable[[], float] = time.monotonic) -> None:
        self._requests, self._tokens, self._now = requests, tokens, now
        self._sent: deque[_Sent] = deque()
        self._held_until = 0.0
        self._lock = threading.Lock()

    def take(self, tokens: int, wait: Callable[[float], None]) -> Callable[[int], None]:
        """Wait for a turn; return what to call with the tokens that it really took.

        wait: sleeps for so many seconds, or raises to give up.
        """
        while True:
            with self._lock:
                pause = self._pause(tokens)
                if pause <= 0:
                    sent = _Sent(self._now(), tokens)
                    self._sent.append(sent)
                    return lambda used: setattr(sent, "tokens", used)
            wait(pause)

    def hold(self, seconds: float) -> None:
        """Let no call go for so long: the server has asked for it."""
        with self._lock:
            self._held_until = max(self._held_until, self._now() + seconds)

    def _pause(self, tokens: int) -> float:
        """Return the seconds until a call of so many tokens may go; 0 when it may go now."""
        now = self._now()
        while self._sent and self._sent[0].at <= now - WINDOW_S:
            self._sent.popleft()
        pause = self._held_until - now
        if self._requests is not None and len(self._sent) >= self._requests:
            pause = max(pause, self._sent[-self._requests].at + WINDOW_S - now)
        if self._tokens is not None:
            over = sum(sent.tokens for sent in self._sent) + tokens - self._tokens
            for sent in self._sent:
                if over <= 0:
                    break
                over -= sent.tokens
                pause = max(pause, sent.at + WINDOW_S - now)
        return pause
