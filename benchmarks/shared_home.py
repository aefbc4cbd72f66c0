"""Several `ratchet run` processes on one home share their tasks: each is executed once in all.

    python -m benchmarks.shared_home [--tasks 1000] [--processes 4] [--kills 0] [--homes sqlite postgres] [--seed 0]

One process first, then several on an empty home: they differ in the size of their batches, so they are runs of their
own, and they want the same episodes in nearly the same order. The model is a server on loopback that notes every
request. The pace is that between the first and the last tenth of the results.
--kills: a process, drawn anew each time, is ended with SIGKILL so many times; what it was at work on goes over to the
others, and it is started again at the next kill, or once the others have ended.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.loopback_model import LoopbackModel, write_tasks
from benchmarks.ray_kills import command, progress_of, rows_of
from benchmarks.scale import Places, finished_at, pace_of
from storage.engine import Home, open_home
from storage.tables import memories, run_episodes


class Crew:
    """Processes that each run the same tasks on one home."""

    def __init__(self, folder: Path, url: str, model: LoopbackModel, options: argparse.Namespace) -> None:
        tasks = write_tasks(folder / "tasks.jsonl", options.tasks)
        self._command = [
            *command(tasks, folder, model.base_url), "--memories", "0", "--tend-every", "0",
            "--concurrency", str(options.concurrency), "--batch-size",
        ]  # fmt: skip
        self._environment = os.environ | ({"RATCHET_DATABASE_URL": url} if url else {})
        self._folder, self._model = folder, model
        self._of: dict[int, subprocess.Popen[bytes]] = {}
        self.again = 0
        """Requests for episodes that had their results when a process was killed."""

    def start(self, number: int) -> None:
        """Start a process, or start it again: it continues its run."""
        with (self._folder / f"stderr-{number}").open("ab") as log:
            self._of[number] = subprocess.Popen(
                [*self._command, str(100 + number)], stdout=subprocess.DEVNULL, stderr=log, env=self._environment
            )

    def kill(self, home: Home, marks: list[int], draw: random.Random) -> int:
        """Kill a process whenever so many episodes have results, start the one before again; return how many died."""
        dead: int | None = None
        looks: list[tuple[int, set[str]]] = []  # requests so far, and whose episodes had results by then
        for mark in marks:
            while progress_of(home) < mark and self._alive():
                time.sleep(0.1)
            if not (alive := self._alive()):
                break
            victim = draw.choice(alive)
            self._of[victim].kill()
            self._of[victim].wait()
            done = finished_names(home)
            looks.append((len(self._model.requests), done))
            if dead is not None:
                self.start(dead)
            dead = victim
        self.wait(but=dead)
        if dead is not None:
            self.start(dead)
            self.wait()
        self.again = sum(name in done for since, done in looks for name, _ in self._model.requests[since:])
        return len(looks)

    def _alive(self) -> list[int]:
        return [number for number, process in self._of.items() if process.poll() is None]

    def wait(self, but: int | None = None) -> None:
        """Wait for every process to end well, but for one; exit with what a process said that did not."""
        for number, process in self._of.items():
            if number != but and process.wait():
                raise SystemExit((self._folder / f"stderr-{number}").read_text()[-2000:])


def finished_names(home: Home) -> set[str]:
    """Return what the programs are called whose episodes have results."""
    return {str(row["task_id"]).replace("/", "_") for row in rows_of(home)}


def memory_of(home: Home) -> list[tuple[Any, ...]]:
    """Return what is remembered, but for times and for who wrote it, by id."""
    c = memories.c
    with home.reading() as connection:
        query = select(c.memory_id, c.kind, c.text, c.code, c.state, c.episode_id).order_by(c.memory_id)
        return [tuple(row) for row in connection.execute(query)]


def executions_of(home: Home) -> list[int]:
    """Return how many runs executed each episode, rather than found it in the ledger."""
    c = run_episodes.c
    with home.reading() as connection:
        query = select(func.sum(1 - c.reused)).group_by(c.episode_id)
        return [int(count) for count in connection.execute(query).scalars()]


def run(places: Places, kind: str, model: LoopbackModel, processes: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run the tasks by so many processes and return what came of it; one alone is not killed."""
    draw = random.Random(f"{options.seed}:kills")
    kills = options.kills if processes > 1 else 0
    marks = sorted(draw.randrange(options.tasks // 50, options.tasks * 19 // 20) for _ in range(kills))
    model.requests.clear()  # it is one model for all: its address is a part of the episodes' keys
    with places.fresh(kind) as (folder, url):
        home = open_home(folder, url)
        crew, began = Crew(folder, url, model, options), time.monotonic()
        for number in range(processes):
            crew.start(number)
        killed = crew.kill(home, marks, draw)
        seconds, times = time.monotonic() - began, finished_at(home)
        edge = len(times) // 10
        found = {
            "seconds": seconds, "pace": pace_of(times[edge:-edge]), "killed": killed, "again": crew.again,
            "requests": len(model.requests), "repeated": sum(n - 1 for n in Counter(model.requests).values()),
            "rows": rows_of(home), "memory": memory_of(home), "executions": executions_of(home),
        }  # fmt: skip
        home.close()
    return found


def compared(alone: dict[str, Any], shared: dict[str, Any], options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Return what to print of a database, and whether everything is as it should be."""
    texts = Counter(row[1:4] for row in shared["memory"])
    same = {
        "ledger equal to one process's but for times": shared["rows"] == alone["rows"],
        "memory equal to one process's": shared["memory"] == alone["memory"],
    }
    none = {
        "episodes that no run, or more than one, executed": sum(n != 1 for n in shared["executions"]),
        "memories that say the same": sum(texts.values()) - len(texts),
        "requests for episodes that had a result": shared["again"],
    }
    table = {
        "episodes": len(shared["rows"]),
        **same,
        **none,
        "killed": shared["killed"],
        "model requests, one process": alone["requests"],
        "model requests, several": shared["requests"],
        "requests made twice": shared["repeated"],
        "episodes/s, one process": round(alone["pace"], 1),
        "episodes/s, several": round(shared["pace"], 1),
        "seconds, one process": round(alone["seconds"], 1),
        "seconds, several": round(shared["seconds"], 1),
    }
    most = shared["killed"] * options.concurrency  # a kill may cost each of its episodes the call that was under way
    whole = len(shared["rows"]) == options.tasks and shared["repeated"] <= most
    return table, whole and all(same.values()) and not any(none.values())


def main() -> None:
    """Print a table per database; exit 1 when anything was executed twice, is missing, or differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--concurrency", type=int, default=8, help="episodes at one time, of each process")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--homes", nargs="+", choices=["sqlite", "postgres"], default=["sqlite", "postgres"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--delay-s", type=float, default=0.5, help="the model's latency")
    options = parser.parse_args()
    places, right = Places(), True
    try:
        with LoopbackModel(options.delay_s).serving() as model:
            for kind in options.homes:
                alone, shared = [run(places, kind, model, n, options) for n in (1, options.processes)]
                table, is_right = compared(alone, shared, options)
                print(json.dumps({"home": kind, **table}, indent=1), flush=True)
                right = right and is_right
    finally:
        places.close()
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
