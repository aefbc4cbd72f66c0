"""Which episode runs in which actor: whoever is free gets the next one, and what an actor that died had begun.

Everything here happens in one thread. What the actors answer comes to it through its inbox, as calls to make.
"""

import logging
import math
import queue
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from batch.ray_actor import Crash, Ended, EpisodeActor, Greeting, Place
from batch.ray_cluster import ActorLostError, Cluster
from batch.worker import Job, finished_event, started_event
from runtime.settings import Settings
from state.errors import ClaimedError, PermanentError, RatchetError, StoppedError, TransientError
from state.ledger import FinishedEpisode
from telemetry.events import Sink

log = logging.getLogger(__name__)

TRIES = 3  # of an episode whose processes die; the last one alone, so that it is not blamed for what another did
STARTS = 4  # actors in a row that do not come up before Ray counts as broken
PATIENCE_S = 30.0  # for a first actor, before it is said that there is none
CLOSE_S = 15.0  # for actors that close their files

Inbox: TypeAlias = "queue.SimpleQueue[Callable[[], None]]"


@dataclass(eq=False)
class Flight:
    """A job, and who waits for its end."""

    job: Job
    future: "Future[FinishedEpisode]"


@dataclass(eq=False)
class Seat:
    """An actor and the episodes it works on."""

    place: Place
    actor: Any
    greeting: Greeting | None = None
    """None until it is up."""
    flights: dict[str, Flight] = field(default_factory=dict)
    kept_for: Flight | None = None
    """What runs here next, or now, with nothing beside it."""
    asked: bool = False
    """Whether it has been asked what it does and has not answered."""
    nodes: dict[str, str] = field(default_factory=dict)

    def has_room(self, threads: int) -> bool:
        """Tell whether it may be given any episode."""
        return self.greeting is not None and self.kept_for is None and len(self.flights) < threads

    def worker_name(self, job: Job) -> str:
        """Return what to call the place where a job runs here: machine, process, actor and episode."""
        assert self.greeting is not None, "only an actor that is up is given jobs"
        return f"{self.greeting.host} {self.greeting.pid}_{self.place.number}.{job.episode_id[:4]}"


class Dispatcher:
    """Brings flights to their ends in `seats` actors, `settings.concurrency` at one time in all."""

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        place: Place,
        *,
        events: Sink,
        inbox: Inbox,
        give_back: Callable[[str], None],
    ) -> None:
        """place: that of every actor, but for its number. give_back: frees what a process held that is gone."""
        self._cluster = cluster
        self._settings = settings
        self._place = place
        self._events = events
        self._inbox = inbox
        self._give_back = give_back
        self._threads = math.ceil(settings.concurrency / place.of)  # of each actor
        self._broken: RatchetError | None = None  # why nothing can run
        self._stopping = False
        self._vain_starts = 0
        self._waits_since = time.monotonic()
        self._seats: list[Seat] = []
        self._waiting: deque[Flight] = deque()
        self._alone: deque[Flight] = deque()  # those that must not share an actor
        self._deaths: Counter[str] = Counter()  # by episode: how many processes died of it, or with it

    @property
    def flying(self) -> int:
        """How many episodes run now."""
        return sum(len(seat.flights) for seat in self._seats)

    def accept(self, flight: Flight) -> None:
        """Take one more."""
        last_try = self._deaths[flight.job.episode_id] == TRIES - 1  # it was put aside meanwhile
        (self._alone if last_try else self._waiting).append(flight)

    def dispatch(self) -> None:
        """Give waiting episodes to the actors that have room, the emptiest first; start actors that are missing."""
        if self._broken or self._stopping:
            self._fail_waiting(self._broken or StoppedError("stopped before it began"))
            return
        if not self._waiting and not self._alone:
            return
        while len(self._seats) < self._place.of:
            self._start_seat()
        self._dispatch_alone()
        while self._waiting and self.flying < self._settings.concurrency:
            free = [seat for seat in self._seats if seat.has_room(self._threads)]
            if not free:
                return
            self._fly(min(free, key=lambda seat: len(seat.flights)), self._waiting.popleft())

    def pulse(self) -> None:
        """Ask what the actors do, for whoever watches; say when there is none."""
        for seat in self._seats:
            if seat.flights and seat.greeting and not seat.asked:
                seat.asked = True
                self._then(self._cluster.call(seat.actor.doing, urgent=True), partial(self._told, seat))
        waits = self._waiting and not any(seat.greeting for seat in self._seats)
        if waits and time.monotonic() - self._waits_since > PATIENCE_S:
            self._waits_since = time.monotonic()
            self._notice("no Ray worker is up yet: the cluster may have no free CPU")

    def stop(self) -> None:
        """Ask every running episode to end at its next node; begin no other."""
        self._stopping = True
        for seat in self._seats:
            if seat.greeting:
                self._cluster.call(seat.actor.stop, urgent=True)

    def close(self) -> None:
        """Let the actors close what they have open, then end them; nothing may be running any more."""
        closing = [self._cluster.call(seat.actor.close, urgent=True) for seat in self._seats if seat.greeting]
        deadline = time.monotonic() + CLOSE_S
        for answer in closing:
            try:
                answer.result(timeout=max(0.0, deadline - time.monotonic()))
            except Exception:
                log.exception("an actor did not close")
        for seat in self._seats:
            self._cluster.kill(seat.actor)

    def give_up(self, error: Exception) -> None:
        """End everything that runs or waits with this error, and whatever comes later."""
        self._broken = TransientError(f"the dispatcher failed: {type(error).__name__}: {error}")
        for seat in self._seats:
            while seat.flights:
                seat.flights.popitem()[1].future.set_exception(self._broken)
        self._fail_waiting(self._broken)

    def _dispatch_alone(self) -> None:
        """Keep the emptiest actor for an episode that must be alone, one such at a time; start it once it is."""
        kept = next((seat for seat in self._seats if seat.kept_for), None)
        if kept is None and self._alone:
            up = [seat for seat in self._seats if seat.greeting]
            kept = min(up, key=lambda seat: len(seat.flights), default=None)
            if kept:
                kept.kept_for = self._alone.popleft()
        if kept and kept.kept_for and not kept.flights:
            self._fly(kept, kept.kept_for)

    def _start_seat(self) -> None:
        taken = {seat.place.number for seat in self._seats}
        number = next(n for n in range(self._place.of) if n not in taken)
        place = self._place.numbered(number)
        seat = Seat(place, self._cluster.actor(EpisodeActor, self._threads, self._settings, place))
        self._seats.append(seat)
        self._then(self._cluster.call(seat.actor.open), partial(self._opened, seat))

    def _opened(self, seat: Seat, answer: "Future[Any]") -> None:
        error = answer.exception() or answer.result()
        if isinstance(error, Greeting):
            seat.greeting, self._vain_starts = error, 0
            return
        self._vain_starts += 1
        if isinstance(error, RatchetError) and not isinstance(error, TransientError):
            self._broken = error
        elif self._vain_starts >= STARTS:
            self._vain_starts = 0
            self._fail_waiting(TransientError(f"Ray's workers do not come up: {error}", reason="ray"))
        self._remove(seat, str(error))

    def _fly(self, seat: Seat, flight: Flight) -> None:
        job = flight.job
        seat.flights[job.episode_id] = flight
        self._events(started_event(job, seat.worker_name(job)))
        self._then(self._cluster.call(seat.actor.run, job), partial(self._landed, seat, flight))

    def _landed(self, seat: Seat, flight: Flight, answer: "Future[Ended]") -> None:
        if seat.flights.pop(flight.job.episode_id, None) is None:
            return  # given up
        if seat.kept_for is flight:
            seat.kept_for = None
        error = answer.exception()
        if isinstance(error, ActorLostError):
            self._try_again(flight, str(error))
            self._remove(seat, str(error))  # may fail where the home is away: the flight must be known by then
        elif error is not None:
            flight.future.set_exception(error)
        else:
            self._settle(seat, flight, answer.result())

    def _settle(self, seat: Seat, flight: Flight, end: Ended) -> None:
        if not isinstance(end, ClaimedError):  # that comes back: the lock of a process that died may outlive it a while
            self._deaths.pop(flight.job.episode_id, None)
        if isinstance(end, Crash):
            log.error("an episode failed in its process\n%s", end.trace, extra={"episode": flight.job.episode_id})
            flight.future.set_exception(TransientError(f"internal error: {end.reason}"))
        elif isinstance(end, RatchetError):
            flight.future.set_exception(end)
        else:
            try:
                self._events(finished_event(end.row, seat.worker_name(flight.job), reused=end.reused))
            finally:
                flight.future.set_result(end.row)

    def _try_again(self, flight: Flight, reason: str) -> None:
        """Let another actor continue from the episode's last checkpoint, or give the episode up."""
        episode_id = flight.job.episode_id
        self._deaths[episode_id] += 1
        if self._deaths[episode_id] >= TRIES:
            del self._deaths[episode_id]
            told = f"given up: each of the {TRIES} processes that ran it died, the last one alone with it: {reason}"
            flight.future.set_exception(PermanentError(told))
        elif self._deaths[episode_id] == TRIES - 1:
            self._alone.append(flight)
        else:
            self._waiting.appendleft(flight)

    def _remove(self, seat: Seat, reason: str) -> None:
        """Take leave of an actor; `dispatch` starts another in its place."""
        if seat not in self._seats:
            return
        self._seats.remove(seat)
        if seat.kept_for and seat.kept_for.job.episode_id not in seat.flights:
            self._alone.appendleft(seat.kept_for)
        self._cluster.kill(seat.actor)
        self._give_back(seat.place.holder)
        if not self._stopping and not self._broken:
            log.warning("an actor was lost: %s", reason)
            self._notice(f"a Ray worker was lost and replaced: {reason[:160]}")

    def _fail_waiting(self, error: Exception) -> None:
        for waiting in (self._waiting, self._alone):
            while waiting:
                waiting.popleft().future.set_exception(error)

    def _told(self, seat: Seat, answer: "Future[dict[str, str]]") -> None:
        seat.asked = False
        if answer.exception() is not None:
            return  # the calls that were under way tell the same
        for episode_id, node in answer.result().items():
            if seat.nodes.get(episode_id) != node and episode_id in seat.flights:
                self._events({"kind": "node_started", "episode_id": episode_id, "node": node})
        seat.nodes = answer.result()

    def _notice(self, detail: str) -> None:
        self._events({"kind": "notice", "detail": detail})

    def _then(self, answer: "Future[Any]", call: "Callable[[Future[Any]], None]") -> None:
        answer.add_done_callback(lambda done: self._inbox.put(partial(call, done)))
