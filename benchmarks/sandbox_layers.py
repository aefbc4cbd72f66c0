"""Price of each layer of the sandbox's isolation, one added at a time.

    python benchmarks/sandbox_layers.py humaneval.jsonl

Every row is a process of its own that puts on the layers up to its own, with the functions the sandbox uses, and
then forks a child for each of HumanEval's canonical solutions that runs it with its tests. Rows take turns; the
median of the rounds is printed. What is done once per zygote has a table of its own. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sandbox import kernel, landlock, namespaces, seccomp
from sandbox.child import limit_resources
from sandbox.zygote import PRELOADED

LAYERS = (
    "none: fork and execute",
    "own users, files, network, ipc",
    "a process namespace per program",
    "landlock",
    "no_new_privs and seccomp",
    "no capabilities, own session",
    "rlimits",
)
"""Each row has the layers of those above it too."""
ONCE = {
    "user namespace": kernel.CLONE_NEWUSER,
    "mount namespace": kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS,
    "process namespace": kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID,
    "network namespace": kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET,
    "ipc namespace": kernel.CLONE_NEWUSER | kernel.CLONE_NEWIPC,
}
"""The others need the namespace of users, so their times hold its time."""


def put_on(layers: int, folder: str) -> tuple[Callable[[], int], list[Callable[[], object]]]:
    """Put on the first layers; returns how to fork and what a child does first."""
    if layers >= 1:
        namespaces.enter(["/usr/lib", "/lib", "/lib64", "/dev/null"], folder, 16)
    steps: list[Callable[[], object]] = []
    fork = kernel.forking(kernel.CLONE_NEWPID if layers >= 2 else 0)
    if layers >= 5:
        steps = [os.setsid, kernel.dropping_capabilities()]
    if layers >= 6:
        bounds = {"RLIMIT_CPU": 11, "RLIMIT_AS": 1 << 30, "RLIMIT_FSIZE": 16 << 20, "RLIMIT_NOFILE": 64}
        steps.append(lambda: limit_resources(bounds))
    if layers >= 3:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        readable, writable = os.open("/", os.O_PATH), os.open(namespaces.PRIVATE, os.O_PATH)
        landlock.restrict([readable], [writable])
    if layers >= 4:
        seccomp.Filter(processes=True).install()
    return fork, steps


def serve(layers: int, data: str) -> None:
    """Answer every line of standard input with the CPU milliseconds per program of one round."""
    sources = []
    for line in Path(data).read_text().splitlines():
        row = json.loads(line)
        sources.append(f"{row['prompt']}{row['canonical_solution']}\n{row['test']}\ncheck({row['entry_point']})\n")
    for name in PRELOADED:  # what the sandbox imports before it forks
        __import__(name)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        if os.fork():
            os.wait()
            return
        fork, steps = put_on(layers, folder)
        for _ in sys.stdin:
            print(one_round(fork, steps, sources), flush=True)
        os._exit(0)


def one_round(fork: Callable[[], int], steps: list[Callable[[], object]], sources: list[str]) -> float:
    before, own = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time()
    for source in sources:
        pid = fork()
        if pid == 0:
            status = 1
            try:
                for step in steps:
                    step()
                exec(source, {"__name__": "program"})
                status = 0
            finally:
                os._exit(status)
        if os.waitpid(pid, 0)[1] != 0:
            raise SystemExit("a canonical solution failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    children = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (children + time.process_time() - own) / len(sources) * 1000


def once(flags: int) -> float:
    """Return the milliseconds that a process takes to enter new namespaces."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        begun = time.perf_counter()
        namespaces.unshare(flags)
        os.write(writing, str((time.perf_counter() - begun) * 1000).encode())
        os._exit(0)
    os.wait()
    os.close(writing)
    with open(reading) as file:
        return float(file.read())


def main() -> None:
    """Print what each layer adds."""
    parser = argparse.ArgumentParser(description="Measure each layer of the sandbox's isolation.")
    parser.add_argument("data", help="HumanEval's file of tasks, humaneval.jsonl")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--layers", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.layers is not None:
        serve(arguments.layers, arguments.data)
        return
    command = [sys.executable, "-B", __file__, arguments.data, "--layers"]
    rows = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(len(LAYERS))
    ]
    found: list[list[float]] = [[] for _ in rows]
    for _ in range(arguments.rounds):
        for row, measures in zip(rows, found, strict=True):
            print("go", file=row.stdin, flush=True)
            measures.append(float(row.stdout.readline()))  # type: ignore[union-attr]
    for row in rows:
        row.communicate()
    print(f"median of {arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(f"{'layer, with all above it':<36}{'CPU ms a program':>18}{'of none':>10}")
    for name, measures in zip(LAYERS, found, strict=True):
        ratio = statistics.median(mine / none for mine, none in zip(measures, found[0], strict=True))
        print(f"{name:<36}{statistics.median(measures):>18.2f}{ratio:>10.2f}")
    print(f"\n{'once per zygote':<36}{'ms':>18}")
    for name, flags in ONCE.items():
        print(f"{name:<36}{statistics.median(once(flags) for _ in range(15)):>18.2f}")


if __name__ == "__main__":
    main()
