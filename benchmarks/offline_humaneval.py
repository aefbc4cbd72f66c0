"""Solve HumanEval with the offline model, its docstring examples visible, and count what passes the official tests.

    python -m benchmarks.offline_humaneval HumanEval.jsonl [--budget 20000] [--limit 164] [--workers 2]

Programs run in one process each, without a sandbox: the offline model's programs are made of its own components.
"""

import argparse
import json
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--budget", type=int, default=20_000)
    parser.add_argument("--limit", type=int, default=164)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    tasks = [json.loads(line) for line in options.file.read_text().splitlines()][: options.limit]
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
