"""What traces to LangSmith cost, with its server well, dead, hanging and failing.

    python -m benchmarks.tracing [--tasks 50] [--rounds 3]

Every way runs the whole program on the same tasks with a model that answers after 50 ms, 8 episodes at one time. The
time of a batch is that from its first to its last episode; the time to the end is from there to the process's exit.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Literal

from benchmarks.langsmith_server import LangSmithServer
from benchmarks.loopback_model import LoopbackModel, write_tasks

DELAY_S = 0.05
MOODS: tuple[Literal["well", "hangs", "fails"], ...] = ("well", "hangs", "fails")


def program(tasks: Path, home: Path, base_url: str, variables: dict[str, str]) -> tuple[float, float, int, int]:
    """Run the program; return seconds of the batch, seconds to the end, traces that arrived and that were lost."""
    command = [sys.executable, "-m", "cli", "run", str(tasks), "--model", "openai:adder", "--base-url", base_url]
    command += ["--home", str(home), "--json", "--memories", "0"]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=True)
    ended = time.time()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    episodes = [line for line in lines if line["kind"] == "episode"]
    first = min(line["finished_at"] - line["wall_s"] for line in episodes)
    last = max(line["finished_at"] for line in episodes)
    counts = next((line for line in lines if line["kind"] == "traces"), {"arrived": 0, "lost": 0})
    return last - first, ended - last, counts["arrived"], counts["lost"]


def main() -> None:
    """Print medians per way, and the ratio to the run without traces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tracing-"))
    tasks = write_tasks(folder / "tasks.jsonl", options.tasks)
    found: dict[str, list[tuple[float, float, int, int]]] = defaultdict(list)
    with LoopbackModel(DELAY_S).serving() as model:
        for number in range(options.rounds):  # in turns, so that all meet the same load
            found["untraced"].append(program(tasks, folder / f"{number}-untraced", model.base_url, {}))
            for mood in MOODS:
                with LangSmithServer(mood).serving() as server:
                    home = folder / f"{number}-{mood}"
                    found[mood].append(program(tasks, home, model.base_url, server.environment()))
            dead = server.environment()  # of the last one, which listens no more
            found["dead"].append(program(tasks, folder / f"{number}-dead", model.base_url, dead))
    usual = statistics.median(batch_s for batch_s, *_ in found["untraced"])
    for name, rounds in found.items():
        batch_s, end_s = (statistics.median(column) for column in list(zip(*rounds, strict=True))[:2])
        print(f"{name:<9} batch {batch_s:6.2f} s, x{batch_s / usual:.2f}; end after {end_s:.2f} s; ", end="")
        print(f"traces (arrived, lost) {[(arrived, lost) for *_, arrived, lost in rounds]}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
