"""Solve HumanEval with the offline model, its docstring examples visible, and count what passes the official tests.

    python -m benchmarks.offline_humaneval HumanEval.jsonl [--budget 20000] [--limit 164] [--workers 2] [--speed]

With --speed one search process on one core answers, nothing is judged, and the first answer, which compiles the tables,
does not count.
Programs run in one process each, without a sandbox: the offline model's programs are made of its own components.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from langchain_core.messages import AIMessage

from batch.statistics import wilson
from models.call import code_in
from models.offline.chat import OfflineChatModel
from models.offline.pool import close_pools

TIMEOUT_S = 20


def passes(task: dict[str, str], code: str) -> bool:
    """Run the official check in a process of its own."""
    program = f"{task['prompt']}\n    pass\n\n{code}\n{task['test']}\ncheck({task['entry_point']})\n"
    try:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def ask(model: OfflineChatModel, task: dict[str, str]) -> AIMessage:
    """Ask for one task; the docstring's examples are all that the model sees."""
    return model.invoke(f"## Task\n```python\n{task['prompt'].rstrip()}\n```\nEntry point: `{task['entry_point']}`")


def outcome(task: dict[str, str], answer: AIMessage) -> str:
    """Return "solved", "wrong" or "declined"."""
    code = code_in(answer.text, task["entry_point"], task["prompt"])
    if not code:
        return "declined"
    return "solved" if passes(task, code) else "wrong"


def print_speed(tasks: list[dict[str, str]], budget: int) -> None:
    """Print how many candidates one search process tries per second of clock and of CPU time, on one core."""
    with suppress(AttributeError):  # macOS pins nothing
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    model = OfflineChatModel(budget=budget, workers=1)
    ask(model, tasks[0])
    began_s = time.monotonic()
    tried = sum(ask(model, task).response_metadata["candidates"] for task in tasks)
    wall_s = time.monotonic() - began_s
    close_pools()
    cpu_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    print(f"{tried} candidates on one core: {tried / wall_s:,.0f} per second of clock time,")
    print(f"  {tried / cpu_s:,.0f} per second of CPU time, start of the process and first answer included")


def main() -> None:
    """Print how many tasks the offline model solves, or how fast it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--budget", type=int, default=20_000)
    parser.add_argument("--limit", type=int, default=164)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    tasks = [json.loads(line) for line in options.file.read_text().splitlines()][: options.limit]
    if options.speed:
        print_speed(tasks, options.budget)
        return
    model = OfflineChatModel(budget=options.budget, workers=options.workers)
    with ThreadPoolExecutor(options.workers) as threads:
        answers = list(threads.map(lambda task: ask(model, task), tasks))
        close_pools()
        cpu_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime  # of the search processes: the judges come later
        outcomes = list(threads.map(outcome, tasks, answers))
    for task, answer, result in zip(tasks, answers, outcomes, strict=True):
        if options.verbose:
            print(f"--- {task['task_id']} {result} {answer.response_metadata['stage']}\n{answer.text}\n")
    low, high = wilson(outcomes.count("solved"), len(outcomes))
    print(f"solved {outcomes.count('solved')} of {len(tasks)} (95 % interval {low:.1%} to {high:.1%})")
    print(f"wrong {outcomes.count('wrong')}, declined {outcomes.count('declined')}")
    tried = sum(answer.response_metadata["candidates"] for answer in answers)
    print(
        f"{tried} candidates in {cpu_s:.1f} CPU seconds: {tried / cpu_s:,.0f} per second, start of processes included"
    )


if __name__ == "__main__":
    main()
