"""Episodes a second: threads against Ray, SQLite against PostgreSQL, at several latencies of the model.

    python -m benchmarks.scale workers      1, 2 and 4 workers at latencies of 0, 0.1 and 1 s
    python -m benchmarks.scale concurrency  1 to 128 episodes at one time at a latency of 1 s, or --latencies
    python -m benchmarks.scale memory       the command's memory from 1,000 to 20,000 episodes without latency
    python -m benchmarks.scale commits      commits a second of both databases, by 1 to 16 writers

--engines, --homes, --widths, --delays choose some of the rows. Each row is a `ratchet run` in a process of its own
with the real sandbox; the model is a server on loopback, in this process. The pace is that while all places are in use:
from the first tenth of the results until fewer episodes than places are left of the train tasks, nine in ten. Starting
Ray, and the actors' imports, are in "start" alone, the seconds to the first result; waiting for the slowest answers, at
the end of the train tasks and again at that of the test tasks, is in "whole run", episodes a second after the first.
--latencies FILE: a line per answer of a real model, with duration_s; the server waits as long, in that order.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select

from benchmarks.loopback_model import LoopbackModel, write_tasks
from benchmarks.postgres import Server, create_database
from storage.contents import ContentStore
from storage.engine import Home, open_home
from storage.tables import episodes

TRAIN = 0.9  # of the tasks; they come first


class Row(NamedTuple):
    """What one run came to."""

    pace: float
    """Episodes a second while all places are in use."""
    whole: float
    """Episodes a second from the first result to the last."""
    start_s: float
    n: int


class Places:
    """Fresh homes: folders, and databases of one PostgreSQL server that is started when needed."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="scale-"))
        self._numbers = itertools.count()
        self._server: Server | None = None

    @contextmanager
    def fresh(self, kind: str) -> Iterator[tuple[Path, str]]:
        """Give the folder and database URL of an empty home."""
        number = next(self._numbers)
        url = ""
        if kind == "postgres":
            self._server = self._server or Server()
            url = create_database(self._server.url, f"scale_{number}")
        folder = self._folder / str(number)
        folder.mkdir()
        yield folder, url
        shutil.rmtree(folder)

    def close(self) -> None:
        """End the server and remove everything."""
        if self._server:
            self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def started(folder: Path, url: str, n: int, address: str, *more: str) -> "subprocess.Popen[bytes]":
    """Start a run of n tasks in a home."""
    tasks = write_tasks(folder / "tasks.jsonl", n)
    command = [
        sys.executable, "-m", "cli", "run", str(tasks), "--model", "openai:adder", "--base-url", address,
        "--home", str(folder), "--batch-size", "100000", "--tend-every", "0", "--memories", "0", "--json", *more,
    ]  # fmt: skip
    environment = os.environ | ({"RATCHET_DATABASE_URL": url} if url else {})
    with (folder / "stderr").open("wb") as log:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=environment)


def finished_at(home: Home) -> list[float]:
    """Return when each episode had its result, in order."""
    with home.reading() as connection:
        return sorted(connection.execute(select(episodes.c.finished_at)).scalars())


def pace_of(times: list[float]) -> float:
    """Return the results a second between the first one and the last."""
    return (len(times) - 1) / (times[-1] - times[0])


def run(
    places: Places, way: tuple[str, str], n: int, delay: float | Callable[[], float], width: int, actors: int
) -> Row:
    """Run n episodes by an engine on a home, `width` at one time, and return their pace."""
    engine, kind = way
    more = ["--engine", engine, "--concurrency", str(width)] + (["--actors", str(actors)] if engine == "ray" else [])
    with places.fresh(kind) as (folder, url), LoopbackModel(delay).serving() as model:
        began = time.time()
        process = started(folder, url, n, model.base_url, *more)
        if process.wait():
            raise SystemExit((folder / "stderr").read_text()[-1000:])
        home = open_home(folder, url)
        times = finished_at(home)
        steady = times[n // 10 : round(n * TRAIN) - width + 1]
        row = Row(pace=pace_of(steady), whole=pace_of(times), start_s=times[0] - began, n=len(times))
        home.close()
    return row


def ways(options: argparse.Namespace) -> list[tuple[str, str]]:
    """Return the pairs of engine and home that are wanted."""
    return list(itertools.product(options.engines, options.homes))


def workers(options: argparse.Namespace, places: Places) -> None:
    """Print the pace of a few workers; on Ray each is a process."""
    print("engine  home      latency  workers  episodes/s   start     n")
    for (engine, kind), delay, width in itertools.product(ways(options), options.delays, options.widths or [1, 2, 4]):
        n = options.episodes or (300 if delay == 0 else max(20, round(width * 10 / delay / 1.4)))
        row = run(places, (engine, kind), n, delay, width, actors=width)
        print(f"{engine:7} {kind:9} {delay:5g} s {width:8} {row.pace:11.2f} {row.start_s:6.1f} s {row.n:6}", flush=True)


def concurrency(options: argparse.Namespace, places: Places) -> None:
    """Print the pace at a latency of 1 s, or the recorded ones, by episodes at one time; Ray has two processes."""
    delay: float | Callable[[], float] = 1.0
    if options.latencies:
        recorded = [json.loads(line)["duration_s"] for line in options.latencies.read_text().splitlines()]
        turns, lock = itertools.cycle(recorded), threading.Lock()

        def delay() -> float:
            with lock:
                return float(next(turns))

    print("engine  home      at once  episodes/s  per place  whole run   start      n")
    for (engine, kind), width in itertools.product(ways(options), options.widths or [1, 4, 16, 64, 128]):
        n = options.episodes or max(12, width * 12)
        row = run(places, (engine, kind), n, delay, width, actors=2)
        paces = f"{row.pace:11.2f} {row.pace / width:10.3f} {row.whole:10.2f}"
        print(f"{engine:7} {kind:9} {width:7} {paces} {row.start_s:6.1f} s {row.n:6}", flush=True)


def memory(options: argparse.Namespace, places: Places) -> None:
    """Print the resident memory of the command as its ledger grows."""
    n, engine, kind = options.episodes or 20_000, options.engines[-1], options.homes[-1]
    width = (options.widths or [8])[0]
    with places.fresh(kind) as (folder, url), LoopbackModel().serving() as model:
        home = open_home(folder, url)
        more = ["--engine", engine, "--concurrency", str(width), "--batch-size", "200"]
        process = started(folder, url, n, model.base_url, *more)
        print(f"{engine}, {kind}: episodes with a result, MB of the command's memory")
        mark = 1000
        while process.poll() is None:
            model.requests.clear()
            model.prompts.clear()
            done = len(finished_at(home))
            if done >= mark:
                pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
                print(f"{done:7,} {pages * os.sysconf('SC_PAGE_SIZE') / 1e6:8.1f}", flush=True)
                mark += 1000
            time.sleep(0.5)
        if process.returncode:
            print((folder / "stderr").read_text()[-1000:], file=sys.stderr)
        home.close()


def commits(options: argparse.Namespace, places: Places) -> None:
    """Print how many small transactions a second a home takes, each of one text of 1 KiB in the content store."""
    print("home      writers   commits/s")
    for kind, width in itertools.product(options.homes, options.widths or [1, 4, 16]):
        with places.fresh(kind) as (folder, url):
            home, until, counts = open_home(folder, url), time.monotonic() + 5, [0] * width
            store = ContentStore(home)

            def write(writer: int) -> None:
                while time.monotonic() < until:  # noqa: B023 - all of them end in this round
                    counts[writer] += 1  # noqa: B023
                    store.put(f"{writer}:{counts[writer]}:" + os.urandom(512).hex())  # noqa: B023

            with ThreadPoolExecutor(width) as pool:
                list(pool.map(write, range(width)))
            home.close()
        print(f"{kind:9} {width:7} {sum(counts) / 5:11,.0f}", flush=True)


def main() -> None:
    """Print what is asked for."""
    tables: dict[str, Callable[[argparse.Namespace, Places], Any]] = {
        "workers": workers, "concurrency": concurrency, "memory": memory, "commits": commits
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=tables)
    parser.add_argument("--engines", nargs="+", choices=["local", "ray"], default=["local", "ray"])
    parser.add_argument("--homes", nargs="+", choices=["sqlite", "postgres"], default=["sqlite", "postgres"])
    parser.add_argument("--delays", nargs="+", type=float, default=[0.0, 0.1, 1.0])
    parser.add_argument("--widths", nargs="+", type=int)
    parser.add_argument("--episodes", type=int)
    parser.add_argument("--latencies", type=Path)
    options = parser.parse_args()
    places = Places()
    try:
        tables[options.table](options, places)
    finally:
        places.close()


if __name__ == "__main__":
    main()
