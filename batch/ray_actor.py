"""What runs in a process of a Ray cluster: a worker with services of its own, made from the settings."""

import os
import tempfile
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

from batch.ray_cluster import host_of_this_process
from batch.worker import EpisodeEnd, EpisodeWorker, Job
from graphs.episode import episode_graph
from graphs.version import graph_version
from runtime.build import Services, open_services
from runtime.context import SERVICES, Context
from runtime.settings import Settings
from state.errors import RatchetError, SetupError
from telemetry.events import Event

FOLDER_ELSEWHERE = Path(tempfile.gettempdir()) / f"ratchet-{os.getuid()}"
"""Home on other machines than the command's: everything that must last is in PostgreSQL."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """An actor's place among the others."""

    number: int
    """From 0."""
    holder: str = ""
    """Names the process among all: what it held when it died is given back."""
    of: int
    """Actors that share what is limited per minute."""
    driver_host: str
    """Address of the machine that the command runs on."""
    reachable: bool
    """Whether other machines reach the home: PostgreSQL, rather than a file."""
    version: str
    """Of the driver's episode graph: another one here would not do the same."""

    def numbered(self, number: int) -> "Place":
        """Return the place of a new actor of that number."""
        return replace(self, number=number, holder=uuid4().hex)


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What an actor says when it is up."""

    pid: int
    host: str


@dataclass(frozen=True, kw_only=True)
class Crash:
    """An error that is a mistake of ours: it is sent as text, since not every exception survives the journey."""

    reason: str
    trace: str


Ended: TypeAlias = EpisodeEnd | RatchetError | Crash
"""What became of an episode."""


class EpisodeActor:
    """Runs episodes on as many threads as Ray calls it on. Nothing of it is pickled but the settings."""

    def __init__(self, settings: Settings, place: Place) -> None:
        self._settings = settings
        self._place = place
        self._services: Services | None = None
        self._worker: EpisodeWorker | None = None
        self._nodes: dict[str, str] = {}  # where each episode is

    def open(self) -> Greeting | RatchetError:
        """Open the services; return what stands in the way, if anything does."""
        try:
            return self._opened()
        except RatchetError as error:
            return error

    def run(self, job: Job) -> Ended:
        """Bring an episode to its end and write its row."""
        assert self._worker is not None, "open() comes first"
        try:
            return self._worker.run(job)
        except RatchetError as error:
            return error
        except Exception as error:  # noqa: BLE001 - told to the driver, which counts it as a failure of ours
            return Crash(reason=f"{type(error).__name__}: {error}", trace=traceback.format_exc())
        finally:
            self._nodes.pop(job.episode_id, None)

    def doing(self) -> dict[str, str]:
        """Return the node that each running episode is in."""
        return dict(self._nodes)

    def stop(self) -> None:
        """Ask running episodes to end at their next nodes, and end every wait for a model."""
        if self._worker is not None and self._services is not None:
            self._worker.stop()
            self._services.models.stop()

    def close(self) -> None:
        """Write the figures that are not written yet and close everything."""
        if self._worker is not None and self._services is not None:
            self._worker.close()
            self._services.close()
            self._worker = self._services = None

    def _opened(self) -> Greeting:
        place, host = self._place, host_of_this_process()
        settings = _share_of(self._settings, place)
        if host != place.driver_host:
            if not place.reachable:
                raise SetupError(only_here(place.driver_host, host))
            settings = settings.model_copy(update={"home": FOLDER_ELSEWHERE})
        if graph_version(episode_graph()) != place.version:
            raise SetupError(f"{host} has another version of ratchet: install the one that this command runs")
        services = self._services = open_services(settings, workers=1, holder=place.holder)
        common: dict[str, Any] = {name: getattr(services, name) for name in SERVICES}
        self._worker = EpisodeWorker(Context(**common, events=self._note), services.home)
        return Greeting(pid=os.getpid(), host=host)

    def _note(self, event: Event) -> None:
        if event["kind"] == "node_started":
            self._nodes[event["episode_id"]] = event["node"]


def only_here(driver_host: str, others: str) -> str:
    """Say why a home in a file keeps a run on one machine, and what to do."""
    return (
        f"the home is a SQLite file on {driver_host}, which {others} cannot reach: for a cluster of several machines "
        "give a PostgreSQL database with RATCHET_DATABASE_URL (docs/scale.md)"
    )


def _share_of(settings: Settings, place: Place) -> Settings:
    """Return the settings with this actor's share of what all together may ask of a model per minute."""
    limits = {name: getattr(settings, name) for name in ("requests_per_minute", "tokens_per_minute")}
    shares = {name: share(limit, place.number, place.of) for name, limit in limits.items() if limit is not None}
    return settings.model_copy(update=shares)


def share(limit: int, number: int, of: int) -> int:
    """Return the number-th of so many shares of a limit, at least 1; together they are the limit where it is enough."""
    return max(1, (limit + number) // of)
