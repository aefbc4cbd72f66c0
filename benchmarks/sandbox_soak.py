"""Run thousands of programs in a row, some of them hostile, and look at what stays behind.

    python benchmarks/sandbox_soak.py humaneval.jsonl tests/sandbox/hostile

Canonical solutions of HumanEval with their tests, and at random places programs of the hostile corpus, which get
little time. Prints throughput of the first and the last tenth, counted over the honest programs alone: which
hostile ones fall into a tenth is chance, and some use up their whole time. Exit status 1 when something leaked.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from state.task import Test

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.sandbox import Row, descendants, proportional_mb, rows_of
from sandbox.local import LocalSandbox
from sandbox.protocol import Job, Limits

Item = tuple[Job, Limits, bool]
"""A job, its limits, and whether its program is honest."""


def honest(row: Row) -> Item:
    """Return a job that passes: a task with its own solution."""
    tests: list[Test] = [{"kind": "check", "code": row["test"], "visible": False}]
    program = row["prompt"] + row["canonical_solution"]
    return Job(program=program, entry_point=row["entry_point"], setup=row["prompt"], tests=tests), Limits(), True


def hostile(folder: str) -> list[Item]:
    limits = Limits(cpu_s=0.2, wall_s=0.4, memory_mb=128)
    test: Test = {"kind": "call", "args": "(3,)", "expected": "9", "visible": False}
    texts = [
        part.split("\n", 1)[1]
        for path in sorted(Path(folder).glob("*.txt"))
        if path.stem != "benign"
        for part in path.read_text().split("\n### ")
        if "\n" in part
    ]
    # what they aim at: this process, and nothing that would hurt if they got there
    marks = {"@NUL@": "\0", "@PID@": str(os.getpid()), "@FILE@": "/nowhere/file", "@FOLDER@": "/nowhere", "@PORT@": "9"}
    for mark, value in marks.items():
        texts = [text.replace(mark, value) for text in texts]
    return [(Job(program=text, entry_point="solve", tests=[test]), limits, False) for text in texts]


def state() -> dict[str, float]:
    """Return what a leak would raise."""
    pids = [pid for pid, _ in descendants()]
    everyone = [os.getpid(), *pids]
    temporary = Path("/tmp")
    return {
        "processes": len(pids),
        "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in everyone),
        "files in /tmp": sum(1 for path in temporary.iterdir() if "ratchet" in path.name),
        "files in /dev/shm": len(os.listdir("/dev/shm")),
        "disk used, MB": shutil.disk_usage(temporary).used / 1e6,
        "memory of the pool, MB": proportional_mb(pids),  # this process keeps 20,000 jobs and answers
    }


def plan(rows: list[Row], bad: list[Item], count: int, share: float) -> list[Item]:
    """Return the jobs; in every tenth as many hostile ones, at random places."""
    rng = random.Random("soak")
    jobs: list[Item] = []
    for tenth in range(10):
        part = [honest(rows[index % len(rows)]) for index in range(count // 10)]
        for number, place in enumerate(rng.sample(range(len(part)), int(len(part) * share))):
            part[place] = bad[(tenth * int(len(part) * share) + number) % len(bad)]
        jobs += part
    return jobs


def main() -> int:
    """Run the programs; return 1 where something leaked or an honest program failed."""
    parser = argparse.ArgumentParser(description="Run many programs in a row and look for leaks.")
    parser.add_argument("data", help="HumanEval's file of tasks, humaneval.jsonl")
    parser.add_argument("corpus", help="folder of the hostile programs")
    parser.add_argument("--programs", type=int, default=20_000)
    parser.add_argument("--hostile", type=float, default=0.02, help="share of hostile programs")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    # the slowest solution takes a quarter of a second: whether a tenth holds one more of them would decide
    rows = [row for row in rows_of(arguments.data) if row["task_id"] != "HumanEval/75"]
    jobs = plan(rows, hostile(arguments.corpus), arguments.programs, arguments.hostile)
    sandbox = LocalSandbox(arguments.workers)
    took: list[float] = [0.0] * len(jobs)
    failed = 0

    def run(index: int) -> bool:
        job, limits, is_honest = jobs[index]
        begun = time.perf_counter()
        report = sandbox.run(job, limits)
        took[index] = time.perf_counter() - begun
        return not is_honest or all(verdict["status"] == "passed" for verdict in report["verdicts"])

    with ThreadPoolExecutor(arguments.workers) as pool:
        list(pool.map(run, range(200)))
        before, begun = state(), time.perf_counter()
        failed = list(pool.map(run, range(len(jobs)))).count(False)
        wall = time.perf_counter() - begun
        after = state()
    sandbox.close()
    bad = sum(not is_honest for _, _, is_honest in jobs)
    print(f"{len(jobs)} programs in {wall:.0f} s, {bad} of them hostile, {arguments.workers} workers")
    print(f"load {os.getloadavg()[0]:.1f}; honest programs that did not pass: {failed}")
    show_throughput(jobs, took, arguments.workers)
    return 1 if show_leaks(before, after) or failed else 0


def show_throughput(jobs: list[Item], took: list[float], workers: int) -> None:
    tenth = len(jobs) // 10
    rates = []
    for number in range(10):
        part = range(number * tenth, (number + 1) * tenth)
        rates.append(workers / statistics.fmean(took[index] for index in part if jobs[index][2]))
    print("honest programs/s, by tenths: " + " ".join(f"{rate:.0f}" for rate in rates))
    print(f"last tenth against first: {rates[-1] / rates[0]:.3f}")


def show_leaks(before: dict[str, float], after: dict[str, float]) -> bool:
    """Print what there was before and after; returns whether something leaked."""
    for name, value in before.items():
        print(f"{name:<28}{value:>10.1f} at the start{after[name]:>10.1f} at the end")
    leaked = [
        name
        for name in ("processes", "descriptors", "files in /tmp", "files in /dev/shm")
        if after[name] > before[name]
    ]
    print("leaked: " + (", ".join(leaked) or "nothing"))
    return bool(leaked)


if __name__ == "__main__":
    raise SystemExit(main())
