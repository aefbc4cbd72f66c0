"""Sends traces in the background, and never makes a run wait for them."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from telemetry.events import Event, Sink
from telemetry.tree import Span

log = logging.getLogger(__name__)

TREES = 20  # per request
GATHER_S = 0.25  # waited for more before a request is made
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0  # after requests that failed
CLOSE_S = 1.0  # for what is still on its way when the run ends


class Sender(Protocol):
    """Delivers trees; raises when it cannot."""

    def send(self, trees: Sequence[Sequence[Span]]) -> None:
        """Deliver them."""
        ...


class TraceExporter:
    """Sees a run's events and sends the trace of every episode that ends.

    Only ids wait in memory: the trees are made from the home when there is somebody to take them. While deliveries
    fail, they are tried ever more rarely. What has not arrived when close() gives up is noted as kept here alone.
    """

    def __init__(
        self,
        sender: Sender,
        tree_of: Callable[[str, str], Sequence[Span]],
        note: Callable[[Mapping[str, bool]], None],
        tell: Sink,
    ) -> None:
        """tree_of: makes a tree from an episode's id and the reason why it has no result, or ""."""
        self._sender, self._tree_of, self._note, self._tell = sender, tree_of, note, tell
        self._waiting: deque[tuple[str, str]] = deque()
        self._condition = threading.Condition()
        self._closing = self._given_up = self._down = self._told = False
        self._unsent: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Take an episode's end."""
        kind = event["kind"]
        if kind == "episode_failed" or (kind == "episode_finished" and not event["reused"]):
            with self._condition:
                self._waiting.append((event["episode_id"], event.get("reason", "")))
                self._unsent.add(event["episode_id"])
                self._condition.notify()

    def close(self) -> int:
        """Wait a moment for what is under way, not at all when nobody answers; return how many traces are lost."""
        with self._condition:
            self._closing = True
            self._condition.notify()
            down = self._down
        self._thread.join(0.1 if down else CLOSE_S)
        with self._condition:
            # from here on the thread notes no arrival: a trace is noted once, as sent or as lost
            self._given_up = True
            lost = dict.fromkeys(sorted(self._unsent), False)
        self._note(lost)
        return len(lost)

    def _work(self) -> None:
        pause = FIRST_PAUSE_S
        while self._wait_for_work():
            with self._condition:
                batch = [self._waiting.popleft() for _ in range(min(TREES, len(self._waiting)))]
            try:
                self._sender.send([tree for tree in (self._tree_of(*one) for one in batch) if tree])
            except Exception as error:  # noqa: BLE001 - whatever the SDK raises, a run must not notice
                self._failed(batch, error)
                if not self._sleep(pause):
                    return
                pause = min(LONGEST_PAUSE_S, pause * 2)
            else:
                pause = FIRST_PAUSE_S
                self._arrived([episode_id for episode_id, _ in batch])

    def _wait_for_work(self) -> bool:
        """Wait until there is something to send and a little longer for more; False when there will be nothing."""
        with self._condition:
            while not self._waiting:
                if self._closing:
                    return False
                self._condition.wait()
            if len(self._waiting) < TREES and not self._closing:
                self._condition.wait_for(lambda: self._closing or len(self._waiting) >= TREES, GATHER_S)
            return not self._given_up

    def _sleep(self, seconds: float) -> bool:
        """Wait before the next try; False when the run has ended meanwhile: a server that is down is not waited for."""
        deadline = time.monotonic() + seconds
        with self._condition:
            self._condition.wait_for(lambda: self._closing, deadline - time.monotonic())
            return not self._closing

    def _failed(self, batch: Sequence[tuple[str, str]], error: Exception) -> None:
        with self._condition:
            self._down = True
            self._waiting.extendleft(reversed(batch))  # in their order, before those that came meanwhile
            told, self._told = self._told, True  # one notice per run, not one per try
        if not told:
            log.warning("traces could not be sent", exc_info=error)
            what = f"LangSmith does not take traces ({type(error).__name__}); the run goes on, and they are kept here"
            self._tell({"kind": "notice", "detail": what})

    def _arrived(self, episode_ids: Sequence[str]) -> None:
        with self._condition:
            self._down = False
            if self._given_up:
                return  # close() counts them as lost already
            self._unsent.difference_update(episode_ids)
        self._note(dict.fromkeys(episode_ids, True))
