"""Solve HumanEval with the offline model, its docstring examples visible, and count what passes the official tests.

    python -m benchmarks.offline_humaneval HumanEval.jsonl [--budget 20000] [--limit 164]

Programs run in one process each, without a sandbox: the offline model's programs are made of its own components.
"""

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.call import code_in
from models.offline.chat import OfflineChatModel

TIMEOUT_S = 20


def passes(task: dict[str, str], code: str) -> bool:
    """Run the official check in a process of its own."""
    program = f"{task['prompt']}\n    pass\n\n{code}\n{task['test']}\ncheck({task['entry_point']})\n"
    try:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def attempt(model: OfflineChatModel, task: dict[str, str]) -> tuple[str, str, dict[str, object]]:
    """Return (outcome, answer, metadata) for one task: "solved", "wrong" or "declined"."""
    message = f"## Task\n```python\n{task['prompt'].rstrip()}\n```\nEntry point: `{task['entry_point']}`"
    answer = model.invoke(message)
    code = code_in(answer.text, task["entry_point"], task["prompt"])
    if not code:
        return "declined", answer.text, answer.response_metadata
    return ("solved" if passes(task, code) else "wrong"), answer.text, answer.response_metadata


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--budget", type=int, default=20_000)
    parser.add_argument("--limit", type=int, default=164)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    tasks = [json.loads(line) for line in options.file.read_text().splitlines()][: options.limit]
    model = OfflineChatModel(budget=options.budget)
    started, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(lambda task: attempt(model, task), tasks))
    for task, (outcome, answer, metadata) in zip(tasks, results, strict=True):
        if options.verbose:
            print(f"--- {task['task_id']} {outcome} {metadata.get('stage')} {metadata.get('alternatives')}\n{answer}\n")
    counts = {name: sum(r[0] == name for r in results) for name in ("solved", "wrong", "declined")}
    tried = sum(int(str(r[2].get("candidates", 0))) for r in results)
    print(f"solved {counts['solved']} of {len(tasks)}; wrong {counts['wrong']}, declined {counts['declined']}")
    print(f"{tried} candidates, {time.monotonic() - started:.1f} s wall, {time.process_time() - cpu:.1f} s CPU here")


if __name__ == "__main__":
    main()
