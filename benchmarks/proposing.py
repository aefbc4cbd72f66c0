"""Have the offline model propose tasks, check every one of them again, and learn from them.

    python -m benchmarks.proposing [--count 100] [--seed 0]

It runs `ratchet propose` and prints: how many proposals it took and why others were refused; whether every reference
passes all tests of its task in a sandbox of its own; whether any two tasks do the same on each other's inputs; whether
the next series repeats one of them; and what `ratchet run` makes of the file: held-out tasks solved before and after
learning from the train ones, one attempt each.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from batch.statistics import wilson
from runtime.proposing import Program, passing
from sandbox.local import LocalSandbox
from sandbox.protocol import Job, Limits
from state.json_values import JsonObject
from state.task import Task
from tasks.load import load_tasks


def ratchet(*arguments: str) -> list[JsonObject]:
    """Run the command line and return its JSON lines. Raises CalledProcessError when it could not do its work."""
    command = [sys.executable, "-m", "cli", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def call_tests(task: Task) -> tuple[list[str], list[str]]:
    """Return inputs and answers of a task's tests."""
    calls = [test for test in task["tests"] if test["kind"] == "call"]
    return [test["args"] for test in calls], [test["expected"] for test in calls]


def verified(tasks: Sequence[Task], sandbox: LocalSandbox) -> int:
    """Return how many references pass every test of their task."""
    good = 0
    for task in tasks:
        job = Job(program=task["reference"] or "", entry_point=task["entry_point"], tests=task["tests"])
        good += all(v["status"] == "passed" for v in sandbox.run(job, Limits())["verdicts"])
    return good


def alike(tasks: Sequence[Task], sandbox: LocalSandbox) -> int:
    """Return how many pairs of tasks do the same on the first one's inputs."""
    count = 0
    for index, task in enumerate(tasks):
        others = [Program(other["reference"] or "", other["entry_point"]) for other in tasks[index + 1 :]]
        inputs, answers = call_tests(task)
        results = passing(others, inputs, answers, sandbox, Limits())
        count += sum(passed is not None and len(passed) == len(inputs) for passed in results)
    return count


def share(solved: int, n: int) -> str:
    """Return a share with its 95 % interval."""
    low, high = wilson(solved, n)
    return f"{solved} of {n} ({solved / n:.0%}, 95 % interval {low:.0%} to {high:.0%})"


def learn(file: Path, home: Path) -> None:
    """Learn from the train tasks and print what that does to the held-out ones."""
    lines = ratchet("run", str(file), "--home", str(home), "--attempts", "1", "--memories", "8", "--measure-every", "1")
    points = [line for line in lines if line["kind"] == "measurement"]
    for when, episodes in (("before", min), ("after", max)):
        at = episodes(point["episodes"] for point in points)
        rates = [point["solved"] for point in points if point["episodes"] == at]
        print(f"held-out {when} learning: {share(sum(r['successes'] for r in rates), sum(r['n'] for r in rates))}")
    last = [line["solved"] for line in lines if line["kind"] == "split" and line["split"] == "all"]
    print(f"all tasks, with what had been learned: {share(last[0]['successes'], last[0]['n'])}")


def main() -> None:
    """Propose tasks, learn from those that are admitted, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, began = Path(folder) / "home", time.monotonic()
        asked = ["propose", "--count", str(options.count), "--model", "offline", "--home", str(home)]
        [first] = ratchet(*asked, "--seed", str(options.seed))
        print(f"{first['admitted']} tasks admitted of {first['proposed']} proposed; {time.monotonic() - began:.0f} s")
        print("refused: " + ", ".join(f"{reason} {count}" for reason, count in sorted(first["refused"].items())))
        tasks = load_tasks(Path(first["file"])).tasks
        sandbox = LocalSandbox(2)
        print(f"references that pass all tests: {verified(tasks, sandbox)} of {len(tasks)}")
        print(f"pairs that do the same: {alike(tasks, sandbox)}")
        sandbox.close()
        [again] = ratchet(*asked[:2], "5", *asked[3:], first["file"], "--seed", str(options.seed), "--tries", "0")
        names = {task["entry_point"] for task in load_tasks(Path(again["file"])).tasks}
        repeated = len(names & {task["entry_point"] for task in tasks})
        print(f"the same seed again, with these tasks known: {repeated} of {again['admitted']} are among them;")
        print("  refused: " + ", ".join(f"{reason} {count}" for reason, count in sorted(again["refused"].items())))
        learn(Path(first["file"]), home)


if __name__ == "__main__":
    main()
