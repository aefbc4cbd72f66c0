"""What durability costs: trivial episodes with a zero-latency model, next to bare LangGraph and dspy.Evaluate.

    python -m benchmarks.engine [--episodes 10000] [--memories 3] [--dspy-python /path/to/venv/bin/python]
    python -m benchmarks.engine --encrypted    what encryption at rest costs, and no long run

Every way calls the same chat model once per episode and the same instant sandbox, runs one episode at a time, and
(but for dspy, which keeps nothing) writes to a fresh SQLite file, durability "sync": bare LangGraph with its own saver.
CPU milliseconds are of this process and its threads: they depend less on what else the machine does than wall time.
"""

import argparse
import os
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

from langchain_core.language_models import FakeListChatModel
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from batch.loop import LearningRun, plan_run
from checkpoints.ledger import Ledger
from checkpoints.optimisations import OptimisationLog
from checkpoints.questions import Questions
from checkpoints.savers import serializer
from memory.store import MemoryStore
from models.meter import Meter
from models.roles import Models, RoleModel
from prompts.registry import PromptRegistry
from rewards.combine import RewardTable
from runtime.build import Services
from runtime.settings import load_settings
from runtime.shelf import TaskShelf
from sandbox.protocol import Job, Limits
from state.json_values import JsonObject
from state.task import Task
from state.verdict import ExecutionReport, Verdict
from storage.contents import ContentStore
from storage.engine import open_home
from storage.keys import KEY_VARIABLE, new_key
from telemetry.events import Event

PROGRAM = "def add(x):\n    return x + 1\n"
ANSWER = f"```python\n{PROGRAM}```"
CHUNK = 1000
NODES = ("retrieve", "generate", "execute", "review", "reward", "remember")
DSPY = """
import sys, time, dspy
n = int(sys.argv[1])
class Adder(dspy.Module):
    def forward(self, x): return dspy.Prediction(code="def add(x): return x + 1")
rows = [dspy.Example(x=i).with_inputs("x") for i in range(n)]
evaluate = dspy.Evaluate(devset=rows, metric=lambda row, out: True, num_threads=1, display_progress=False)
cpu, wall = time.process_time(), time.perf_counter()
evaluate(Adder())
print((time.process_time() - cpu) / n * 1e3, (time.perf_counter() - wall) / n * 1e3)
"""


def trivial_task(number: int) -> Task:
    """Return a task; its prompt differs from the others' in a few words, as prompts do."""
    draw = random.Random(number)
    words = " ".join("".join(draw.choices("abcdefgh", k=3)) for _ in range(8))
    return {
        "task_id": f"trivial/{number}",
        "prompt": f'def add(x: int) -> int:\n    """Return x plus one: {words}."""\n',
        "entry_point": "add",
        "tests": [{"kind": "call", "args": f"({k},)", "expected": str(k + 1), "visible": k < 2} for k in range(7)],
        "split": "train",
        "setup": "",
        "reference": None,
        "limits": {},
        "tags": [],
        "digest": str(number),
    }


class InstantSandbox:
    """Says passed to everything at once: the engine's own cost is what is measured."""

    def run(self, job: Job, limits: Limits) -> ExecutionReport:
        """Return a report in which every test passed."""
        verdicts: list[Verdict] = [
            {
                "name": f"test {number}", "visible": test["visible"], "status": "passed", "expected": "", "got": "",
                "error_type": "", "message": "", "traceback": [],
            }
            for number, test in enumerate(job.tests, start=1)
        ]  # fmt: skip
        return {
            "verdicts": verdicts, "stdout": "", "stderr": "", "output_bytes": 0, "cpu_s": 0.001, "wall_s": 0.001,
            "peak_memory_bytes": 1, "limit": "", "isolation": "rlimit", "coverage": None,
        }  # fmt: skip

    def close(self) -> None:
        """Nothing to end."""


class Clock:
    """Adds up the time spent in calls, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def watch(self, owner: Any, names: list[str], label: str) -> None:
        """Measure these methods of an object from here on."""
        for name in names:
            setattr(owner, name, self._timed(getattr(owner, name), label))

    def _timed(self, call: Callable[..., Any], label: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds[label] += time.perf_counter() - started

        return timed


class Marks:
    """Notes CPU, wall time and RSS at every thousandth finished episode."""

    def __init__(self) -> None:
        self.finished = 0
        self.cpu, self.wall, self.rss = [time.process_time()], [time.perf_counter()], [rss_mb()]

    def __call__(self, event: Event) -> None:
        if event["kind"] == "episode_finished":
            self.finished += 1
            if self.finished % CHUNK == 0:
                self.cpu.append(time.process_time())
                self.wall.append(time.perf_counter())
                self.rss.append(rss_mb())

    def cpu_ms(self) -> list[float]:
        """Return CPU ms per episode of each thousand."""
        return [(b - a) / CHUNK * 1e3 for a, b in zip(self.cpu, self.cpu[1:], strict=False)]


def rss_mb() -> float:
    """Return this process's resident memory in MB, or its peak where /proc is not there."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def ratchet(episodes: int, memories: int, folder: Path, clock: Clock | None = None) -> Marks:
    """Run episodes as `ratchet run` does, one at a time."""
    settings = load_settings(home=folder, concurrency=1, memories=memories, batch_size=500, model="offline")
    home = open_home(folder)
    contents = ContentStore(home)
    model = RoleModel(model=FakeListChatModel(responses=[ANSWER]), model_id="fake")
    models = Models({"generate": model}, meter=Meter(home))
    services = Services(
        settings=settings, home=home, contents=contents, tasks=TaskShelf(contents), ledger=Ledger(home),
        memory=MemoryStore(home), prompts=PromptRegistry(home), questions=Questions(home),
        optimisations=OptimisationLog(home), models=models, sandbox=InstantSandbox(), rewards=RewardTable(),
    )  # fmt: skip
    plan = plan_run(settings, [trivial_task(n) for n in range(episodes)], "trivial", services)
    if clock:
        clock.watch(contents, ["put", "get"], "content store")
        clock.watch(services.ledger, ["record", "find", "link"], "ledger")
        clock.watch(services.memory, ["add", "search", "get", "snapshot"], "memory")
    marks = Marks()
    run = LearningRun(plan, services, marks)
    run.drive()
    run.close()
    services.close()
    return marks


def encrypted(episodes: int, memories: int, folder: Path) -> Marks:
    """Do the same in an encrypted home."""
    os.environ[KEY_VARIABLE] = new_key()
    try:
        return ratchet(episodes, memories, folder)
    finally:
        del os.environ[KEY_VARIABLE]


class BareState(TypedDict, total=False):
    """The same channels as an episode."""

    episode: JsonObject
    memories: list[Any]
    attempts: list[Any]
    review: JsonObject
    reward: JsonObject
    remembered: list[str]


def bare(episodes: int, text_bytes: int, folder: Path) -> Marks:
    """Run the same shape of graph in bare LangGraph: its own saver, the same durability, model call and sandbox call.

    text_bytes: how much text (prompt, answer, report) the state carries, as it does where nothing is kept elsewhere.
    """
    connection = sqlite3.connect(folder / "checkpoints.db", check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    saver = SqliteSaver(connection, serde=serializer(None))
    model, sandbox, text = FakeListChatModel(responses=[ANSWER]), InstantSandbox(), "x" * text_bytes
    id32 = "0123456789abcdef" * 2
    nodes: JsonObject = {
        "retrieve": lambda _: {"memories": [{"memory_id": id32, "kind": "procedural", "score": 0.5}] * 3},
        "generate": lambda _: {
            "attempts": [{"index": 0, "code": id32, "answer": str(model.invoke(text or "add").content)}]
        },
        "execute": lambda s: {"attempts": [{**s["attempts"][0], "report": _bare_report(sandbox)}]},
        "review": lambda _: {"review": {"metrics": {"lines": 2, "functions": 1}, "findings": []}},
        "reward": lambda _: {"reward": {"total": 1.0, "components": {"correctness": 1.0}, "table": id32}},
        "remember": lambda _: {"remembered": [id32]},
    }
    graph = StateGraph(BareState)
    for name in NODES:
        graph.add_node(name, nodes[name])
    for start, end in zip((START, *NODES), (*NODES, END), strict=True):
        graph.add_edge(start, end)
    compiled = graph.compile(checkpointer=saver)
    marks = Marks()
    for number in range(episodes):
        episode = {"episode_id": id32, "task": id32, "model": "m", "text": text, "horizon": {"batch": 0}}
        config: Any = {"configurable": {"thread_id": f"{number:032d}"}}
        compiled.invoke({"episode": episode}, config, durability="sync")
        marks({"kind": "episode_finished"})
    connection.close()
    return marks


def _bare_report(sandbox: InstantSandbox) -> JsonObject:
    job = Job(program=PROGRAM, entry_point="add", tests=trivial_task(0)["tests"])
    report = sandbox.run(job, Limits())
    return {"passed": len(report["verdicts"]), "total": len(report["verdicts"]), "cpu_s": report["cpu_s"]}


def kib_per_episode(folder: Path, episodes: int) -> dict[str, float]:
    """Return the size of each database file per episode, in KiB, after its log was folded in."""
    sizes = {}
    for file in sorted(folder.glob("*.db")):
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        sizes[file.name] = file.stat().st_size / 1024 / episodes
    return sizes


def largest_tables(folder: Path, episodes: int) -> list[tuple[str, float]]:
    """Return the largest tables and indexes of a home, in KiB per episode; [] where SQLite cannot tell."""
    found = []
    for file in sorted(folder.glob("*.db")):
        connection = sqlite3.connect(file)
        try:
            rows = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
        except sqlite3.OperationalError:
            rows = []
        connection.close()
        found += [(name, size / 1024 / episodes) for name, size in rows]
    return sorted(found, key=lambda row: -row[1])[:10]


def compare(rounds: int, memories: int, *, with_key: bool) -> None:
    """Print CPU ms per episode of each way, in turns so that all meet the same load; ratios to bare LangGraph."""
    ways: dict[str, Callable[[Path], Marks]] = {
        "bare LangGraph, ids in the state": lambda folder: bare(CHUNK, 0, folder),
        "bare LangGraph, 20 kB of text in the state": lambda folder: bare(CHUNK, 20_000, folder),
        "Ratchet": lambda folder: ratchet(CHUNK, memories, folder),
    }
    if with_key:
        ways["Ratchet, encrypted"] = lambda folder: encrypted(CHUNK, memories, folder)
    cpu: dict[str, list[float]] = defaultdict(list)
    kib: dict[str, float] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            folder = Path(tempfile.mkdtemp(prefix="engine-"))
            cpu[name] += way(folder).cpu_ms()
            kib[name] = sum(kib_per_episode(folder, CHUNK).values())
            shutil.rmtree(folder)
    base = statistics.median(cpu["bare LangGraph, ids in the state"])
    print(f"{'':44} CPU ms/episode    ratio   KiB/episode")
    for name in ways:
        ms = statistics.median(cpu[name])
        print(f"{name:44} {ms:14.2f} {ms / base:8.2f} {kib[name]:13.1f}")


def long_run(episodes: int, memories: int) -> None:
    """Print the figures of one long run: pace, memory, size, and where they go."""
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    clock = Clock()
    started = time.perf_counter()
    marks = ratchet(episodes, memories, folder, clock)
    seconds = time.perf_counter() - started
    ms = marks.cpu_ms()
    print(f"\nRatchet, {episodes:,} episodes, {memories} memories shown, one at a time")
    print(f"  {episodes / seconds:.0f} episodes/s wall; CPU ms per episode by thousand: {[round(x, 2) for x in ms]}")
    print(f"  last thousand / first thousand: {ms[-1] / ms[0]:.2f} (CPU)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  RSS after each thousand, MB: {[round(x) for x in marks.rss]}; peak {peak:.0f} MB")
    print(f"  database, KiB per episode: {kib_per_episode(folder, episodes)}")
    for name, size in largest_tables(folder, episodes):
        print(f"    {name:36} {size:6.2f}")
    print("  wall ms per episode in our own services:")
    for name, total in sorted(clock.seconds.items(), key=lambda row: -row[1]):
        print(f"    {name:36} {total / episodes * 1e3:6.3f}")
    shutil.rmtree(folder)


def dspy_row(python: str) -> None:
    """Print what dspy.Evaluate takes per rollout, in the given environment."""
    done = subprocess.run([python, "-c", DSPY, "2000"], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"dspy.Evaluate could not run: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return
    cpu, wall = done.stdout.split()[-2:]
    print(f"{'dspy.Evaluate (keeps nothing)':44} {float(cpu):14.2f}   wall {float(wall):.2f} ms")


def main() -> None:
    """Print the comparison and the long run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--memories", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dspy-python", help="an interpreter that has dspy")
    parser.add_argument("--encrypted", action="store_true", help="compare with an encrypted home, and stop there")
    options = parser.parse_args()
    compare(options.rounds, options.memories, with_key=options.encrypted)
    if options.encrypted:
        return
    if options.dspy_python:
        dspy_row(options.dspy_python)
    if options.episodes >= CHUNK:
        long_run(options.episodes, options.memories)


if __name__ == "__main__":
    main()
