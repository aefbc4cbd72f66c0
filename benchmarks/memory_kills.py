"""Kill writers in mid-add, and let several write at once: what was acknowledged is there, and nothing is there by half.

    python -m benchmarks.memory_kills [--kills 50] [--writers 4] [--seconds 5]

Kills: a process adds batches of 1, 50 or 500 records and is killed with SIGKILL at a random time after its first batch;
then the home is opened, counted, searched and its audit trail checked; the next writer goes on in the same home.
Writers: processes add to one home, one record at a time and ten at a time. Meanwhile this process adds markers, deletes
them, and searches with an index that only follows the log: how soon does it see either?
"""

import argparse
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from memory.forget import erase
from memory.index import Sight
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from memory.transfer import faults
from storage.engine import open_home

SHARED = Scope(user="together")
SEEN_S = 10.0  # so long a marker is looked for
_PROCESSES = multiprocessing.get_context("forkserver")  # a fresh interpreter per writer would take 50 times the kill


def write(folder: Path, name: str, size: int, scope: Scope, end: Event) -> None:
    """Add batches until the end; say after each how many records of this process are stored."""
    records, stored = Records(open_home(folder)), 0
    with said_by(folder, name).open("w") as said:
        while not end.is_set():
            texts = [f"{name} item {stored + number} of batch {stored // size}" for number in range(size)]
            records.add([Draft(text=text, cause=text, scope=scope, attributes={"writer": name}) for text in texts])
            stored += size
            print(stored, file=said, flush=True)


def writer(folder: Path, name: str, size: int, scope: Scope, end: Event) -> ForkServerProcess:
    """Start a process that writes; return when it has stored its first batch."""
    process = _PROCESSES.Process(target=write, args=(folder, name, size, scope, end), daemon=True)
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
    rng, never = random.Random(0), _PROCESSES.Event()
    names = ("kills", "acknowledged", "stored", "lost", "partial batches", "unanswered", "faults")
    found: dict[str, float] = dict.fromkeys(names, 0)
    for number in range(kills):
        size, name = (1, 50, 500)[number % 3], f"writer{number}"
        scope = Scope(user=name)
        process = writer(folder, name, size, scope, never)
        time.sleep(rng.uniform(0.0, 0.15))
        process.kill()
        process.join()
        home = open_home(folder)
        recall = Recall(home)
        acknowledged, stored = acknowledged_by(folder, name), recall.count(scope, sight=Sight())
        found["kills"] += 1
        found["acknowledged"] += acknowledged
        found["stored"] += stored
        found["lost"] += max(acknowledged - stored, 0)
        found["partial batches"] += stored % size > 0
        found["unanswered"] += not recall.search(Search(text=f"{name} item 0", scope=scope))
        found["faults"] += len(faults(Records(home)))
        recall.close()
        home.close()
    return found


def together(folder: Path, writers: int, size: int, seconds: float) -> dict[str, float]:
    """Let processes write at once; return their rate and how fresh a reader is."""
    names, end = [f"writer{number}" for number in range(writers)], _PROCESSES.Event()
    home = open_home(folder)
    records, recall = Records(home), Recall(home)
    processes = [writer(folder, name, size, SHARED, end) for name in names]
    before, started = sum(acknowledged_by(folder, name) for name in names), time.perf_counter()
    seen: list[float] = []
    gone: list[float] = []
    while time.perf_counter() - started < seconds:
        marker = f"marker{len(seen)}"
        (memory_id,) = records.add([Draft(text=marker, cause=marker, scope=SHARED)])
        seen.append(_until(recall, marker, memory_id, there=True))
        with records.changing() as changing:
            erase(changing, changing.read([memory_id]))
        gone.append(_until(recall, marker, memory_id, there=False))
    took = time.perf_counter() - started
    added = sum(acknowledged_by(folder, name) for name in names) - before
    end.set()
    for process in processes:
        process.join()
    acknowledged = sum(acknowledged_by(folder, name) for name in names)
    result = {
        "writers": writers, "batch": size, "adds per s": round(added / took), "markers": len(seen),
        "lost": acknowledged - recall.count(SHARED, sight=Sight(), filters={"writer": {"in": names}}),
        "seen after ms, p50": round(statistics.median(seen) * 1e3, 1), "seen, at most": round(max(seen) * 1e3, 1),
        "gone after ms, p50": round(statistics.median(gone) * 1e3, 1), "gone, at most": round(max(gone) * 1e3, 1),
        "faults": len(faults(records)),
    }  # fmt: skip
    recall.close()
    home.close()
    return result


def _until(recall: Recall, text: str, memory_id: str, *, there: bool) -> float:
    """Return how long it takes until a search finds a memory, or no longer finds it."""
    search, started = Search(text=text, scope=SHARED), time.perf_counter()
    while (memory_id in {hit.record.memory_id for hit in recall.search(search)}) != there:
        if time.perf_counter() - started > SEEN_S:
            sys.exit(f"after {SEEN_S} s a search {'still does not find' if there else 'still finds'} {text}")
    return time.perf_counter() - started


def main() -> None:
    """Print both parts; exit 1 when anything was lost or broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    _PROCESSES.set_forkserver_preload(["memory.recall", "memory.transfer", "storage.engine"])
    with tempfile.TemporaryDirectory() as temporary:
        results = [killed(Path(temporary) / "killed", arguments.kills)]
        print(json.dumps(results[0]), flush=True)
        for size in (1, 10):
            folder = Path(temporary) / f"together{size}"
            results.append(together(folder, arguments.writers, size, arguments.seconds))
            print(json.dumps(results[-1]), flush=True)
    broken = ("lost", "partial batches", "unanswered", "faults")
    sys.exit(1 if any(result.get(name) for result in results for name in broken) else 0)


if __name__ == "__main__":
    main()
