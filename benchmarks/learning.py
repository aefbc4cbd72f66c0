"""The offline model's learning curve on the bundled katas, with its controls.

    python -m benchmarks.learning [--seeds 1 2 3] [--budget 20000] [--memories 8] [--rows none memory ...]
    python -m benchmarks.learning --fresh 1201 1202 1203

With --seeds the checked-in katas are learned in another order per seed (level 1 first). With --fresh every seed makes a
set of its own: other combinations of the concepts, other examples, other wording. The sandbox judges every program on
all tests; what passes all of them is remembered, with the memory of the product. The held-out katas are measured with
an equal search budget per answer, one attempt:

    none               before learning
    memory             with the memories that retrieval finds
    skills             with skill lines that the reflector counted
    both
    shuffled memories  each task gets memories that were retrieved for another task
    other families     the same, without the memories of tasks of the task's own family: nothing in them is of use
    permuted skills    the skill lines' components exchanged among the lines

It prints the share of solved tasks with its 95 % interval, how many tasks were gained and lost against `none` with the
sign test, and the cost. Orders of the same katas are averaged by task first; fresh sets have tasks of their own.
"""

import argparse
import math
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from batch.statistics import clustered
from memory.store import MemoryStore
from models.call import code_in
from models.offline.chat import OfflineChatModel
from models.offline.pool import close_pools
from prompts.render import generation_messages
from prompts.roles import SolvedTask, reflection_messages
from sandbox.local import LocalSandbox
from sandbox.protocol import Job, Limits
from state.memory_item import Horizon, MemoryDraft, MemoryHit
from state.task import Task, view_of
from state.verdict import deciding
from storage.engine import open_home
from tasks.katas.generate import text
from tasks.load import load_tasks, resolve_tasks

ROWS = ("none", "memory", "skills", "both", "shuffled memories", "other families", "permuted skills")
BATCH = 16
GENERATE = "$task\n\n$examples\n\n$memories\n\n$feedback"
REPAIR = "### Attempt $number\n```python\n$code\n```\n$outcome"


@dataclass
class Bench:
    """Services of one seed."""

    model: OfflineChatModel
    sandbox: LocalSandbox
    memory: MemoryStore
    memories: int
    families: dict[str, str]
    """Of the train tasks, by entry point."""
    experience: list[tuple[str, SolvedTask]] = field(default_factory=list)
    candidates: int = 0

    def attempt(self, task: Task, memories: Sequence[MemoryHit], skills: str) -> tuple[bool, str]:
        """Ask once and judge; return (solved, code)."""
        components = {"system": "Write Python.", "skills": skills, "generate": GENERATE, "repair": REPAIR}
        messages = generation_messages({"prompt_set": "", "components": components}, view_of(task), memories, [])
        answer = self.model.invoke([(m["role"], m["content"]) for m in messages])
        self.candidates += answer.response_metadata["candidates"]
        code = code_in(answer.text, task["entry_point"], task["prompt"])
        if not code:
            return False, ""
        job = Job(program=code, entry_point=task["entry_point"], tests=task["tests"], setup=task["setup"])
        report = self.sandbox.run(job, Limits())
        right = all(verdict["status"] == "passed" for verdict in deciding(report["verdicts"]))
        if right and task["split"] == "train":
            self.experience.append((task["task_id"], {"view": view_of(task), "code": code}))
        return right, code

    def reflect(self) -> list[str]:
        """Ask the model for skill lines from what it has solved."""
        solved = [one for _, one in sorted(self.experience, key=lambda pair: pair[0])]
        answer = self.model.invoke([(m["role"], m["content"]) for m in reflection_messages(solved)])
        return [line for line in answer.text.splitlines() if line.startswith("- ")]

    def recall(self, task: Task, without: str = "") -> list[MemoryHit]:
        """Return the memories for a task; none of tasks of one family."""
        horizon: Horizon = {"watermark": self.memory.watermark(), "run_id": "", "batch": 0}
        limit = self.memories * (4 if without else 1)
        hits = self.memory.search({"text": task["prompt"], "kinds": ["procedural"], "limit": limit, "horizon": horizon})
        return [hit for hit in hits if self.families[hit["entry_point"]] != without][: self.memories]

    def learn(self, tasks: Sequence[Task]) -> int:
        """Solve train tasks batch by batch, remember what passed every test; return how many did."""
        count = 0
        for start in range(0, len(tasks), BATCH):
            batch = tasks[start : start + BATCH]
            results = _map(lambda task: self.attempt(task, self.recall(task), ""), batch)
            drafts = [_draft(task, code) for task, (right, code) in zip(batch, results, strict=True) if right]
            self.memory.add_all(drafts)
            count += len(drafts)
        return count


def _map(function: Callable[[Task], tuple[bool, str]], tasks: Sequence[Task]) -> list[tuple[bool, str]]:
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(function, tasks))


def _draft(task: Task, code: str) -> MemoryDraft:
    docstring = re.search(r'"""(.*?)"""', task["prompt"], re.DOTALL)
    return {
        "kind": "procedural",
        "cause": task["task_id"],
        "text": f"{task['entry_point']}: {docstring.group(1).strip() if docstring else task['prompt']}",
        "code": code,
        "entry_point": task["entry_point"],
        "signature": "",
        "importance": 1.0,
        "origin": {"run_id": "learning", "batch": 0, "episode_id": task["task_id"]},
    }


def permuted(lines: Sequence[str], random: Random) -> list[str]:
    """Exchange what the lines say among the lines: what to prefer, or what a word means."""
    parts = [re.split(r"(?=: (?:prefer|use) )", line, maxsplit=1) for line in lines]
    effects = [effect for _, effect in parts]
    random.shuffle(effects)
    return [condition + effect for (condition, _), effect in zip(parts, effects, strict=True)]


def measure(bench: Bench, held_out: Sequence[Task], row: str, seed: int) -> list[bool]:
    """Return which held-out tasks one row solves."""
    random = Random(f"{seed}:{'shuffled memories' if row == 'other families' else row}")  # the same other tasks
    lines = bench.reflect() if row != "none" else []
    skills = {"skills": lines, "both": lines, "permuted skills": permuted(lines, random)}.get(row, [])
    others = list(held_out)
    random.shuffle(others)
    source = dict(zip((t["task_id"] for t in held_out), others, strict=True))

    def one(task: Task) -> tuple[bool, str]:
        hits: list[MemoryHit] = []
        if row in ("memory", "both"):
            hits = bench.recall(task)
        elif row in ("shuffled memories", "other families"):
            hits = bench.recall(source[task["task_id"]], task["tags"][0] if row == "other families" else "")
        return bench.attempt(task, hits, "\n".join(skills))

    return [right for right, _ in _map(one, held_out)]


def sign_test(gained: int, lost: int) -> float:
    """Return the two-sided probability of so uneven a split of changes by chance."""
    n, k = gained + lost, min(gained, lost)
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n) if n else 1.0


def tasks_for(seed: int, folder: Path, *, fresh: bool) -> list[Task]:
    """Return the checked-in katas, or those that a fresh seed makes."""
    if not fresh:
        return load_tasks(resolve_tasks("katas")).tasks
    file = folder / f"katas-{seed}.jsonl"
    file.write_text(text(seed), encoding="utf-8")
    return load_tasks(file).tasks


def run_seed(seed: int, options: argparse.Namespace) -> dict[str, list[bool]]:
    """Learn and measure with one order of the train katas, or one fresh set."""
    with tempfile.TemporaryDirectory() as folder:
        return _run_seed(seed, options, Path(folder))


def _run_seed(seed: int, options: argparse.Namespace, folder: Path) -> dict[str, list[bool]]:
    tasks = tasks_for(seed, folder, fresh=bool(options.fresh))
    held_out = [task for task in tasks if task["split"] == "test"]
    train = [task for task in tasks if task["split"] == "train"]
    Random(seed).shuffle(train)
    train.sort(key=lambda task: "level 1" not in task["tags"])
    families = {task["entry_point"]: task["tags"][0] for task in train}
    started = time.monotonic()
    home = open_home(folder)
    model = OfflineChatModel(budget=options.budget, workers=2)
    bench = Bench(model, LocalSandbox(2), MemoryStore(home), options.memories, families)
    results = {"none": measure(bench, held_out, "none", seed)} if "none" in options.rows else {}
    learned = bench.learn(train)
    for row in options.rows:
        if row not in results:
            results[row] = measure(bench, held_out, row, seed)
    bench.sandbox.close()
    home.close()
    wall = time.monotonic() - started
    figures = ", ".join(f"{row} {sum(right)}" for row, right in results.items())
    print(f"seed {seed}: learned {learned} of {len(train)}; of {len(held_out)} held-out: {figures}; {wall:.0f} s")
    print(f"  {bench.candidates} candidates", flush=True)
    return results


def rates_of(by_seed: Sequence[dict[str, list[bool]]], row: str, *, fresh: bool) -> list[float]:
    """Return the share of solved episodes per task: orders repeat the same tasks, fresh sets have their own."""
    if fresh:
        return [float(right) for results in by_seed for right in results[row]]
    return [statistics.fmean(task) for task in zip(*(results[row] for results in by_seed), strict=True)]


def report(by_seed: Sequence[dict[str, list[bool]]], rows: Sequence[str], *, fresh: bool) -> None:
    """Print each row; the unit is the task."""
    print(f"\n{'row':20}{'solved':>14}{'95 % interval':>18}{'gained':>8}{'lost':>6}{'p':>10}")
    rates = {row: rates_of(by_seed, row, fresh=fresh) for row in rows}
    for row in rows:
        low, high = clustered(rates[row])
        changes = [a - b for a, b in zip(rates[row], rates.get("none", rates[row]), strict=True)]
        gained, lost = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
        p = sign_test(gained, lost)
        verdict = "" if row == "none" or p < 0.05 else "  not significant"
        share = f"{statistics.fmean(rates[row]):6.1%} of {len(rates[row])}"
        print(f"{row:20}{share:>14}{f'{low:.1%} to {high:.1%}':>18}{gained:8}{lost:6}{p:10.2g}{verdict}")


def main() -> None:
    """Learn with every seed and print the rows asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--fresh", type=int, nargs="+", default=[], help="instead of --seeds: a set of katas per seed")
    parser.add_argument("--budget", type=int, default=20_000)
    parser.add_argument("--memories", type=int, default=8)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS)
    options = parser.parse_args()
    by_seed = [run_seed(seed, options) for seed in options.fresh or options.seeds]
    close_pools()
    report(by_seed, options.rows, fresh=bool(options.fresh))
    cpu = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"CPU time of all processes: {cpu:.0f} s")


if __name__ == "__main__":
    main()
