"""How well the offline model's review tells right programs from wrong ones: recorded answers whose verdict is known.

    python -m benchmarks.reviewing HumanEval.jsonl ANSWERS.jsonl [--runs 2]

ANSWERS holds task_id, run, solution and passed. Reviews see the docstring's examples, never the tests. AUC is the
chance that a right program scores above a wrong one, ties counting half; 0.5 is guessing.
"""

import argparse
import json
import random
import resource
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from models.offline.chat import OfflineChatModel
from models.offline.pool import close_pools
from prompts.registry import shipped_prompt_set
from prompts.reviews import Said, review_in, review_messages
from rewards.static import findings_in
from state.json_values import JsonObject
from state.task import view_of
from tasks.load import load_tasks

RESAMPLES = 1_000


def auc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Return the chance that a right program's score is above a wrong one's."""
    wins = sum((a > b) + (a == b) / 2 for a in right for b in wrong)
    return wins / (len(right) * len(wrong))


def interval(rows: Sequence[tuple[str, bool, float]]) -> str:
    """Return the AUC with its 95 % interval, by resampling tasks."""
    by_task: dict[str, list[tuple[str, bool, float]]] = {}
    for row in rows:
        by_task.setdefault(row[0], []).append(row)
    tasks, draws = list(by_task.values()), []
    for number in range(RESAMPLES):
        chosen = random.Random(f"reviewing:{number}").choices(tasks, k=len(tasks))
        right, wrong = scores(chain.from_iterable(chosen))
        if right and wrong:
            draws.append(auc(right, wrong))
    draws.sort()
    found = auc(*scores(rows))
    return f"{found:.2f} (95 % interval {draws[len(draws) // 40]:.2f} to {draws[-len(draws) // 40 - 1]:.2f})"


def scores(rows: Iterable[tuple[str, bool, float]]) -> tuple[list[float], list[float]]:
    """Return the scores of programs that are right, and of those that are wrong."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for _, passed, score in rows:
        found[passed].append(score)
    return found[True], found[False]


def main() -> None:
    """Review recorded answers and print what the reviews are worth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    tasks = {task["task_id"]: task for task in load_tasks(options.tasks).tasks}
    lines = map(json.loads, options.answers.read_text(encoding="utf-8").splitlines())
    rows = [row for row in lines if row["run"] <= options.runs]
    model = OfflineChatModel(workers=2)

    def reviewed(row: JsonObject) -> Said:
        task = tasks[row["task_id"]]
        findings = findings_in(row["solution"], task["entry_point"])
        messages = review_messages(shipped_prompt_set(), view_of(task), row["solution"], findings, "")
        said = review_in(model.invoke([(m["role"], m["content"]) for m in messages]).text)
        assert isinstance(said, Said), said
        return said

    with ThreadPoolExecutor(2) as threads:
        said = list(threads.map(reviewed, rows))
    close_pools()
    cpu_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    show(rows, said)
    print(f"{cpu_s / len(rows):.2f} CPU seconds per review")


def show(rows: Sequence[JsonObject], said: Sequence[Said]) -> None:
    """Print how well the scores tell right programs from wrong ones."""
    scored = [(row["task_id"], bool(row["passed"]), one.score) for row, one in zip(rows, said, strict=True)]
    fitting = [row for row, one in zip(scored, said, strict=True) if one.score > 0]
    compared = [row for row, one in zip(scored, said, strict=True) if one.agreement is not None]
    for name, some in (("all", scored), ("not scored 0", fitting), ("with other programs to compare", compared)):
        wrong = sum(not passed for _, passed, _ in some)
        print(f"{name}: {len(some)} programs, {wrong} of them wrong, AUC {interval(some)}")
    zero = [passed for _, passed, score in scored if score == 0]
    print(f"scored 0: {len(zero)}, of them wrong {zero.count(False)}")


if __name__ == "__main__":
    main()
