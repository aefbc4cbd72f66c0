"""Kill writers in mid-add, break the mirror, let several write at once: nothing is lost, everybody sees everything.

    python -m benchmarks.memory_kills [--parts kills mirror writers] [--kills 50] [--writers 4] [--seconds 10]

Kills: a process adds batches of 1, 50 or 500 records with vectors and is killed with SIGKILL at a random time after its
first batch; then the home is opened, counted, searched and its audit trail checked; the next writer goes on in the
same home. A Chroma mirror is fed all along, and in every tenth round its own process is killed as well.
Mirror: the scope is filled until searches ask the mirror, which must hold the ids of the records and no other. Then
every file of Chroma's folder is overwritten with garbage, once under its living process and once before a fresh one
opens it: searches go on, and in the end the mirror holds the ids of the records again.
Writers: processes add to one home, one record at a time and ten at a time. Each of them adds a marker every second,
deletes it a second later, and searches for everybody's markers: how soon does it see what the others added and deleted?
"""

import argparse
import json
import math
import multiprocessing
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from memory.chroma_mirror import ChromaMirror
from memory.dense import EXACT_ROWS
from memory.embedders import HashedEmbedder
from memory.embeddings import Embeddings
from memory.forget import erase
from memory.index import Sight
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from memory.transfer import faults
from state.json_values import JsonObject
from storage.engine import Home, open_home

SHARED = Scope(user="together")
KILLED = Scope(project="killed")
EMBEDDER = HashedEmbedder(32)
MARKER_S = 1.0  # so long a marker lives, and so long others may take to see that it is there or gone
LOOK_S = 0.1  # between two looks for markers
IDS = """
import chromadb, json, sys
(collection,) = chromadb.PersistentClient(sys.argv[1]).list_collections()
print(json.dumps(collection.get(include=[])["ids"]))
"""
PARTS = ("kills", "mirror", "writers")
_PROCESSES = multiprocessing.get_context("forkserver")  # a fresh interpreter per writer would take 50 times the kill


def write(folder: Path, name: str, size: int) -> None:
    """Add batches with vectors until killed."""
    home = open_home(folder)
    records = Records(home, embeddings=Embeddings(home, EMBEDDER))
    for _ in batches(records, folder, name, size, Scope(user=name, project=KILLED.project)):
        pass


def batches(records: Records, folder: Path, name: str, size: int, scope: Scope) -> Iterator[int]:
    """Add a batch per step; say and give how many records of this process are stored."""
    stored = 0
    with said_by(folder, name).open("w") as said:
        while True:
            texts = [f"{name} item {stored + number} of batch {stored // size}" for number in range(size)]
            records.add([Draft(text=text, cause=text, scope=scope, attributes={"writer": name}) for text in texts])
            stored += size
            print(stored, file=said, flush=True)
            yield stored


def started(target: Any, folder: Path, name: str, *further: Any) -> ForkServerProcess:
    """Start a process that writes; return when it has stored its first batch."""
    process = _PROCESSES.Process(target=target, args=(folder, name, *further), daemon=True)
    process.start()
    while not acknowledged_by(folder, name):
        if process.exitcode is not None:
            sys.exit(f"{name} ended with {process.exitcode} before its first batch")
        time.sleep(0.002)
    return process


def said_by(folder: Path, name: str) -> Path:
    """Return the file that a writer acknowledges in."""
    return folder.parent / f"{folder.name}-{name}.log"


def acknowledged_by(folder: Path, name: str) -> int:
    """Return how many records a writer has said to be stored, 0 when none so far."""
    said = said_by(folder, name)
    lines = said.read_text().split("\n")[:-1] if said.exists() else []
    return int(lines[-1]) if lines else 0


def killed(folder: Path, kills: int) -> dict[str, float]:
    """Kill writers one after the other; return what was lost or broken."""
    rng = random.Random(0)
    names = ("kills", "acknowledged", "stored", "lost", "partial batches", "unanswered", "faults")
    found: dict[str, float] = dict.fromkeys(names, 0)
    watched = open_home(folder)
    mirror = ChromaMirror(watched)
    for number in range(kills):
        size, name = (1, 50, 500)[number % 3], f"writer{number}"
        process = started(write, folder, name, size)
        time.sleep(rng.uniform(0.0, 0.15))
        process.kill()
        process.join()
        home = open_home(folder)
        recall, scope = Recall(home), Scope(user=name)
        acknowledged, stored = acknowledged_by(folder, name), recall.count(scope, sight=Sight())
        found["kills"] += 1
        found["acknowledged"] += acknowledged
        found["stored"] += stored
        found["lost"] += max(acknowledged - stored, 0)
        found["partial batches"] += stored % size > 0
        found["unanswered"] += not recall.search(Search(text=f"{name} item 0", scope=scope))
        found["faults"] += len(faults(Records(home)))
        mirror.feed(KILLED, EMBEDDER.name, recall.last())
        if number % 10 == 9:
            kill_chroma(mirror)
        recall.close()
        home.close()
    found["mirrors lost"] = mirror.rebuilt
    mirror.close()
    watched.close()
    return found


def kill_chroma(mirror: ChromaMirror) -> None:
    """Kill the process that Chroma lives in, whatever it does."""
    process = mirror._process
    if process is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def mirrored(folder: Path) -> dict[str, float]:
    """Let the mirror catch up, corrupt it, and search all the while; return what it held and how searches went."""
    home = open_home(folder)
    embeddings = Embeddings(home, EMBEDDER)
    records = Records(home, embeddings=embeddings)
    recall = Recall(home, embeddings=embeddings)
    missing = EXACT_ROWS + 1 - recall.count(KILLED, sight=Sight())
    texts = [f"filler {number}" for number in range(missing)]
    records.add([Draft(text=text, cause=text, scope=KILLED) for text in texts])
    found: dict[str, float] = {"records": recall.count(KILLED, sight=Sight())}
    found["caught up after s"] = caught_up(recall)
    recall.close()
    found["ids that differ"] = len(ids_of_mirror(folder) ^ ids_of_records(home))
    recall = Recall(home, embeddings=embeddings)
    caught_up(recall)
    took = []
    for _ in ("under the living process", "before a fresh one opens it"):
        corrupt(folder / "chroma")
        took += searches(recall, 100)
        recall.close()
        recall = Recall(home, embeddings=embeddings)
    found["unanswered"] = sum(time_s is None for time_s in took)
    found["search ms, p50"] = round(statistics.median(one for one in took if one is not None) * 1e3, 2)
    found["rebuilt after s"] = caught_up(recall)
    recall.close()
    found["ids that differ then"] = len(ids_of_mirror(folder) ^ ids_of_records(home))
    home.close()
    return found


def caught_up(recall: Recall) -> float:
    """Search until the mirror has caught up; return how long that took."""
    assert recall.mirror is not None, "there is an embedder"
    began, last = time.perf_counter(), recall.last()
    while recall.mirror.fed(KILLED, EMBEDDER.name) < last:
        recall.search(Search(text=f"filler {time.monotonic()}", scope=KILLED))
        time.sleep(LOOK_S)
    return round(time.perf_counter() - began, 1)


def searches(recall: Recall, count: int) -> list[float | None]:
    """Search; return how long each took, None where nothing was found."""
    took: list[float | None] = []
    for number in range(count):
        began = time.perf_counter()
        hits = recall.search(Search(text=f"item {number} of batch", scope=KILLED))
        took.append(time.perf_counter() - began if hits else None)
        time.sleep(LOOK_S)
    return took


def corrupt(folder: Path) -> None:
    """Overwrite every file."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"garbage" * 1000)


def ids_of_mirror(folder: Path) -> set[str]:
    """Return the ids that Chroma holds, read by a process that knows nothing else of it."""
    done = subprocess.run([sys.executable, "-c", IDS, str(folder / "chroma")], capture_output=True, check=True)
    return set(json.loads(done.stdout))


def ids_of_records(home: Home) -> set[str]:
    """Return the ids of the records that the mirror is of."""
    recall = Recall(home)
    found = {one.memory_id for one in recall.listed(KILLED, sight=Sight(hidden=True), limit=10**6)}
    recall.close()
    return found


def write_and_watch(folder: Path, name: str, size: int, begin: Event, end: Event) -> None:
    """Add batches until the end and, from the beginning on, markers; watch for everybody's markers."""
    home = open_home(folder)
    records, saw = Records(home), Sightings()
    watching = threading.Thread(target=watch, args=(home, saw, end))
    watching.start()
    markers, due, number = Markers(records, name), 0.0, 0
    for _ in batches(records, folder, name, size, SHARED):
        if end.is_set():
            break
        if begin.is_set() and time.monotonic() >= due:
            due, number = time.monotonic() + MARKER_S, number + 1
            markers.next(number)
    markers.next(None)
    watching.join()
    observed = {
        "added": markers.added,
        "deleted": markers.deleted,
        "seen": saw.seen,
        "gone": saw.gone,
        "longest_s": saw.longest_s,
    }
    said_by(folder, f"{name}-markers").write_text(json.dumps(observed))


class Markers:
    """One marker of a writer at a time, and when each came and went; the clock is the same in all processes."""

    def __init__(self, records: Records, name: str) -> None:
        self._records, self._name, self._current = records, name, ""
        self.added: dict[str, float] = {}
        self.deleted: dict[str, float] = {}

    def next(self, number: int | None) -> None:
        """Delete the marker, and add another one unless there is no number."""
        if self._current:
            draft = self._draft(self._current)
            with self._records.changing() as changing:
                erase(changing, changing.read([draft.memory_id]))
            self.deleted[self._current] = time.monotonic()
        if number is not None:
            self._current = f"marker {self._name} {number}"
            self._records.add([self._draft(self._current)])
            self.added[self._current] = time.monotonic()

    def _draft(self, text: str) -> Draft:
        return Draft(text=text, cause=text, scope=SHARED)


class Sightings:
    """When a process first found each marker, and first found it no more."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self.gone: dict[str, float] = {}
        self.longest_s = 0.0  # that a search took

    def note(self, there: set[str], at: float) -> None:
        """Note the markers that a search has found."""
        for marker in there - self.seen.keys():
            self.seen[marker] = at
        for marker in self.seen.keys() - there - self.gone.keys():
            self.gone[marker] = at


def watch(home: Home, saw: Sightings, end: Event) -> None:
    """Search for markers until all of them had their time after the end."""
    recall, search = Recall(home), Search(text="marker", scope=SHARED, limit=100)
    until = math.inf
    while time.monotonic() < until:
        began = time.monotonic()
        found = {hit.record.text for hit in recall.search(search)}
        saw.longest_s = max(saw.longest_s, time.monotonic() - began)
        saw.note({text for text in found if text.startswith("marker")}, time.monotonic())
        if end.is_set() and until == math.inf:
            until = time.monotonic() + 2 * MARKER_S
        time.sleep(LOOK_S)
    recall.close()


def together(folder: Path, writers: int, size: int, seconds: float) -> dict[str, float]:
    """Let processes write at once; return their rate and how soon each saw what the others did."""
    names, begin, end = [f"writer{number}" for number in range(writers)], _PROCESSES.Event(), _PROCESSES.Event()
    processes = [started(write_and_watch, folder, name, size, begin, end) for name in names]
    begin.set()
    before, began = sum(acknowledged_by(folder, name) for name in names), time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - began
    added = sum(acknowledged_by(folder, name) for name in names) - before
    end.set()
    for process in processes:
        process.join()
    acknowledged = sum(acknowledged_by(folder, name) for name in names)
    home = open_home(folder)
    recall, observed = Recall(home), [json.loads(said_by(folder, f"{name}-markers").read_text()) for name in names]
    stored = recall.count(SHARED, sight=Sight(), filters={"writer": {"in": names}})
    result = {
        "writers": writers, "batch": size, "adds per s": round(added / took), "lost": acknowledged - stored,
        **delays("seen", observed, "added", "seen"), **delays("gone", observed, "deleted", "gone"),
        "longest search ms": round(max(one["longest_s"] for one in observed) * 1e3),
        "faults": len(faults(Records(home))),
    }  # fmt: skip
    recall.close()
    home.close()
    return result


def delays(name: str, observed: Sequence[JsonObject], did: str, saw: str) -> dict[str, float]:
    """Return how long it took until others saw what a writer did; late: more than MARKER_S or never."""
    took = [
        max(
            other[saw].get(marker, math.inf) - at, 0.0
        )  # a search may see a record before its writer looks at the clock
        for one in observed
        for marker, at in one[did].items()
        for other in observed
        if other is not one
    ]
    in_time = sorted(one for one in took if one <= MARKER_S)
    return {
        f"{name}, of": len(took), f"{name} late": len(took) - len(in_time),
        f"{name} after ms, p50": round(statistics.median(in_time) * 1e3, 1),
        f"{name} after ms, at most": round(in_time[-1] * 1e3, 1),
    }  # fmt: skip


def main() -> None:
    """Print the parts; exit 1 when anything was lost, broken or late."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    _PROCESSES.set_forkserver_preload(["memory.recall", "memory.transfer", "storage.engine"])
    with tempfile.TemporaryDirectory() as temporary:
        parts = results_of(arguments, Path(temporary))
        whole = [is_whole(result) for result in parts]
    sys.exit(0 if all(whole) else 1)


def results_of(arguments: argparse.Namespace, folder: Path) -> Iterator[dict[str, float]]:
    """Run the parts, and print and give the result of each."""
    runs: list[Callable[[], dict[str, float]]] = []
    if "kills" in arguments.parts:
        runs.append(partial(killed, folder / "killed", arguments.kills))
    if "mirror" in arguments.parts:
        runs.append(partial(mirrored, folder / "killed"))
    if "writers" in arguments.parts:
        runs += [partial(together, folder / f"of{n}", arguments.writers, n, arguments.seconds) for n in (1, 10)]
    for run in runs:
        result = run()
        print(json.dumps(result), flush=True)
        yield result


def is_whole(result: dict[str, float]) -> bool:
    """Tell whether nothing was lost, broken or late."""
    broken = ("lost", "partial batches", "unanswered", "faults", "ids that differ", "ids that differ then")
    return not any(result.get(name) for name in (*broken, "seen late", "gone late"))


if __name__ == "__main__":
    main()
