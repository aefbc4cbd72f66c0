"""Episodes in processes of a Ray cluster, on this machine or on many."""

import logging
import os
import queue
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from batch.ray_actor import Place, only_here
from batch.ray_cluster import Cluster
from batch.ray_dispatch import Dispatcher, Flight, Inbox
from batch.restarts import outlasting
from batch.worker import Job
from graphs.episode import episode_graph
from graphs.version import graph_version
from runtime.settings import Settings
from state.errors import RatchetError, SetupError
from state.ledger import FinishedEpisode
from storage.engine import Home
from storage.money import forget_calls
from telemetry.events import Sink

log = logging.getLogger(__name__)

PULSE_S = 0.5  # how often actors are asked what they do
START_S = 300.0  # for Ray itself: it waits for ever where one of its processes died as it started


class RayPool:
    """An engine whose episodes run in actors, `settings.concurrency` at one time in all.

    Ray is found, or started on this machine, with the first episode. One thread speaks to it, from its start to its
    end: the kernel ends a Ray that was started here with the thread that started it.
    """

    def __init__(self, settings: Settings, home: Home, events: Sink) -> None:
        """home: that of the settings, open in this process."""
        self.width = settings.concurrency
        self._settings = settings.model_copy(update={"home": settings.home.resolve()})
        self._events = events
        self._home = home
        self._reachable = bool(home.url)  # from other machines
        self._inbox: Inbox = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ray", daemon=True)
        self._watch = threading.Timer(START_S, self._give_up)
        self._watch.daemon = True
        self._late = False
        self._ending = False
        self._broken: RatchetError | None = None  # why there is no Ray
        self._dispatcher: Dispatcher | None = None
        self._next_pulse = 0.0

    def submit(self, job: Job) -> "Future[FinishedEpisode]":
        """Have an episode brought to its end; a job that kills its processes ends with PermanentError."""
        if self._thread.ident is None:
            self._thread.start()
            self._watch.start()
        flight = Flight(job, Future())
        self._inbox.put(partial(self._accept, flight))
        return flight.future

    def stop(self) -> None:
        """Ask every running episode to end at its next node."""
        self._inbox.put(self._stop)

    def close(self) -> None:
        """Wait for what is running and end the actors; a Ray that was started here ends with them."""
        if self._thread.is_alive():
            self._inbox.put(self._end)
            (self._watch if self._late else self._thread).join()

    def _work(self) -> None:
        try:
            cluster = self._connected()
        except Exception as error:
            log.exception("Ray cannot be used")
            self._watch.cancel()
            if not self._late:
                told = f"Ray failed as it started: {error}"
                self._refuse_all(error if isinstance(error, RatchetError) else SetupError(told))
            return
        self._watch.cancel()
        if self._late:
            cluster.close()
            return
        self._run_on(cluster)

    def _run_on(self, cluster: Cluster) -> None:
        try:
            dispatcher = self._dispatcher = Dispatcher(
                cluster,
                self._settings,
                self._place(cluster),
                events=self._events,
                inbox=self._inbox,
                give_back=lambda holder: outlasting(lambda: forget_calls(self._home, holder=holder)),
            )
            while not (self._ending and not dispatcher.flying):
                try:
                    self._turn(dispatcher)
                except Exception as error:
                    log.exception("the dispatcher failed")
                    dispatcher.give_up(error)
            dispatcher.close()
        finally:
            cluster.close()

    def _turn(self, dispatcher: Dispatcher) -> None:
        """Do what has come in, ask how things are now and then, hand out what waits."""
        with suppress(queue.Empty):
            self._inbox.get(timeout=PULSE_S)()
            while not self._inbox.empty():
                self._inbox.get()()
        if time.monotonic() > self._next_pulse:
            self._next_pulse = time.monotonic() + PULSE_S
            dispatcher.pulse()
        dispatcher.dispatch()

    def _connected(self) -> Cluster:
        address = self._settings.ray_address
        self._events({"kind": "notice", "detail": f"joining Ray at {address}" if address else "starting Ray here"})
        cluster = Cluster(address, self._seats(os.cpu_count() or 1))
        others = cluster.hosts() - {cluster.host}
        if others and not self._reachable:
            cluster.close()
            raise SetupError(only_here(cluster.host, ", ".join(sorted(others))))
        return cluster

    def _seats(self, cpus: int) -> int:
        """Return how many actors there shall be: no more than there are episodes, or requests in a minute."""
        settings = self._settings
        most = settings.actors or max(1, cpus)
        return min(most, self.width, settings.requests_per_minute or most)

    def _place(self, cluster: Cluster) -> Place:
        return Place(
            number=0,
            of=self._seats(cluster.cpus()),
            driver_host=cluster.host,
            reachable=self._reachable,
            version=graph_version(episode_graph()),
        )

    def _give_up(self) -> None:
        """Stand in for the thread that waits for Ray."""
        self._late = True
        logs = "its logs are in /tmp/ray/session_latest/logs"
        self._refuse_all(SetupError(f"Ray has not started within {START_S:.0f} s; {logs}. --engine local needs no Ray"))

    def _refuse_all(self, error: RatchetError) -> None:
        """Answer every job with what stands in the way, until there are no more."""
        self._broken = error
        while not self._ending:
            self._inbox.get()()

    def _accept(self, flight: Flight) -> None:
        if self._dispatcher is None:
            flight.future.set_exception(self._broken)
        else:
            self._dispatcher.accept(flight)

    def _stop(self) -> None:
        if self._dispatcher is not None:
            self._dispatcher.stop()

    def _end(self) -> None:
        self._ending = True
        self._stop()
