"""Runs on a real local Ray: killed processes, poisonous episodes, stops, caps; the ledger is that of a local run."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from batch.loop import LearningRun, plan_run
from batch.ray_actor import EpisodeActor, Greeting, Place, share
from batch.ray_cluster import Cluster
from batch.ray_pool import START_S
from benchmarks.kills import ledger_rows, memory_rows
from benchmarks.loopback_model import LoopbackModel, write_tasks
from runtime.build import open_services
from runtime.settings import load_settings
from state.errors import BudgetError, SetupError
from state.ledger import Failure
from storage.usage import use_of
from tasks.load import load_tasks
from telemetry.events import Event

PRICES = {"openai:adder": {"input": 0.0, "output": 1000.0}}  # 20 tokens: two cents an answer


class WatchedModel(LoopbackModel):
    """Tells a callback the name of what it is asked for, before it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.on_ask: Callable[[str], None] = lambda _: None

    def answer(self, prompt: str) -> dict[str, Any]:
        found = super().answer(prompt)
        self.on_ask(f"add_{prompt.partition('def add_')[2].partition('(')[0]}")
        return found


class Workers:
    """Knows from a run's events which process has which task; kills those that ask what they are doomed for."""

    def __init__(self, **kills: int) -> None:
        self._kills, self._lock = kills, threading.Lock()
        self._process_of: dict[str, int] = {}
        self.notices: list[str] = []

    def __call__(self, event: Event) -> None:
        if event["kind"] == "episode_started":
            process = int(event["worker"].split()[1].partition("_")[0])
            self._process_of[event["task_id"].replace("/", "_")] = process
        elif event["kind"] == "notice":
            self.notices.append(event["detail"])

    def asked(self, name: str) -> None:
        with self._lock:
            if self._kills.get(name, 0):
                self._kills[name] -= 1
                os.kill(self._process_of[name], signal.SIGKILL)


@pytest.fixture(scope="module")
def ray() -> Iterator[Cluster]:
    """One Ray for all tests here: a run that finds its process connected uses that connection.

    It has as long to start as a run gives it. Where it cannot start at all, these tests are skipped with what it says.
    """
    ready: Future[Cluster] = Future()
    over = threading.Event()

    def live() -> None:
        try:
            cluster = Cluster("", 2)
        except SetupError as error:
            ready.set_exception(error)
            return
        ready.set_result(cluster)
        over.wait()
        cluster.close()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        yield ready.result(timeout=START_S)
    except SetupError as error:
        pytest.skip(str(error))
    over.set()
    thread.join()


@pytest.fixture(scope="module")
def adder() -> Iterator[WatchedModel]:
    with WatchedModel().serving() as model:
        assert isinstance(model, WatchedModel)
        yield model


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, adder: WatchedModel) -> Path:
    """Return the home of an undisturbed run on threads."""
    home = tmp_path_factory.mktemp("local")
    drive(home, adder)
    return home


def drive(
    home: Path,
    adder: LoopbackModel,
    events: Callable[[Event], None] = lambda _: None,
    **given: Any,
) -> list[Failure]:
    """Run 24 add tasks as `ratchet run` does; return the episodes that have no result."""
    home.mkdir(exist_ok=True)
    settings = load_settings(
        model="openai:adder",
        base_url=adder.base_url,
        home=home,
        batch_size=12,
        concurrency=4,
        prices=PRICES,
        **given,
    )
    services = open_services(settings)
    try:
        plan = plan_run(settings, load_tasks(write_tasks(home / "tasks.jsonl", 24)).tasks, "tasks.jsonl", services)
        learning = LearningRun(plan, services, events)
        try:
            learning.drive()
        finally:
            learning.close()
        return services.ledger.failures_of(plan.run_id)
    finally:
        services.close()


def test_killed_processes_cost_no_episode_and_one_that_kills_its_processes_is_given_up(
    tmp_path: Path, adder: WatchedModel, ray: Cluster, local: Path
) -> None:
    workers = Workers(add_19=99)  # held out: nothing learns from it
    adder.on_ask = workers.asked

    [failure] = drive(tmp_path, adder, workers, engine="ray", actors=1)
    adder.on_ask = lambda _: None

    assert (failure["task_id"], failure["passing"]) == ("add/19", 0)
    assert "given up: each of the 3 processes" in failure["reason"]
    assert ledger_rows(tmp_path) == [row for row in ledger_rows(local) if row["task_id"] != "add/19"]
    assert memory_rows(tmp_path) == memory_rows(local)
    assert any("was lost and replaced" in notice for notice in workers.notices)


def test_two_processes_keep_within_the_cap_and_threads_continue_what_they_stopped(
    tmp_path: Path, adder: WatchedModel, ray: Cluster, local: Path
) -> None:
    asked = len(adder.requests)

    with pytest.raises(BudgetError):
        drive(tmp_path, adder, engine="ray", actors=2, max_cost_usd=0.1)

    assert len(adder.requests) - asked == 5
    services = open_services(load_settings(home=tmp_path))
    [run] = services.ledger.runs()
    paid = sum(amounts["cost_usd"] for amounts in use_of(services.home, run["run_id"]).values())
    services.close()
    assert paid == pytest.approx(0.1)
    drive(tmp_path, adder)
    assert ledger_rows(tmp_path) == ledger_rows(local)


def test_an_actor_refuses_a_home_it_cannot_reach_and_another_version(tmp_path: Path, ray: Cluster) -> None:
    settings = load_settings(home=tmp_path / "home")
    place = {"number": 0, "of": 1, "driver_host": ray.host, "reachable": False, "version": "another"}

    elsewhere = EpisodeActor(settings, Place(**place | {"driver_host": "192.0.2.200"})).open()
    other = EpisodeActor(settings, Place(**place)).open()

    assert isinstance(elsewhere, SetupError)
    assert "RATCHET_DATABASE_URL" in str(elsewhere)
    assert not isinstance(other, Greeting)
    assert "another version of ratchet" in str(other)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("limit", "of"), [(60, 7), (7, 7), (100, 3)])
def test_the_shares_of_a_limit_are_the_limit_together(limit: int, of: int) -> None:
    assert sum(share(limit, number, of) for number in range(of)) == limit


def test_an_address_of_the_client_protocol_is_refused() -> None:
    with pytest.raises(SetupError, match="no ray:// address"):
        Cluster("ray://127.0.0.1:1", 1)
