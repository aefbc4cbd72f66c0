"""Replay 100 recorded episodes, then with a planted change, and fork some: `python -m benchmarks.replay`.

Figures: nodes executed again, differences without and with the change, and at which nodes; whether the originals of the
forks are byte for byte as they were; seconds per replayed episode.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batch.loop import LearningRun, plan_run
from benchmarks.loopback_model import LoopbackModel, write_tasks
from checkpoints.history import fingerprint
from graphs import episode as graph_module
from nodes.review import review as review_node
from runtime.build import open_services
from runtime.settings import load_settings
from tasks.load import load_tasks
from workbench.bench import Workbench
from workbench.fork import Changes, fork
from workbench.replay import Replay, replay

EPISODES, FORKS = 100, 10


def record(folder: Path, model: LoopbackModel) -> None:
    """Run the add tasks: a third of the episodes with a repair, a tenth held out."""
    settings = load_settings(model="openai:adder", base_url=model.base_url, home=folder / "home")
    services = open_services(settings)
    try:
        tasks = load_tasks(write_tasks(folder / "tasks.jsonl", EPISODES)).tasks
        learning = LearningRun(plan_run(settings, tasks, "tasks.jsonl", services), services)
        try:
            learning.drive()
        finally:
            learning.close()
    finally:
        services.close()


@contextmanager
def planted() -> Iterator[None]:
    """Put another `review` into the episode graph."""
    original = review_node

    def review(state: Any, runtime: Any) -> Any:
        return {"review": {**original(state, runtime)["review"], "overfit": True}}

    review.__annotations__ = original.__annotations__
    vars(graph_module)["review"] = review
    try:
        yield
    finally:
        vars(graph_module)["review"] = original


def nodes_that_differ(found: Replay) -> dict[str, int]:
    """Return how often each node differed."""
    return dict(Counter(node for _, node, _ in found.lines()))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, LoopbackModel().serving() as model:
        folder = Path(name)
        record(folder, model)
        with Workbench(folder / "home") as bench:
            run_id = bench.ledger.runs()[0]["run_id"]
            started = time.monotonic()
            found = replay(bench, run_id)
            seconds = time.monotonic() - started
            print(f"{found.summary()}; {1000 * seconds / EPISODES:.0f} ms per episode")
            with planted():
                print(f"with another review node: {nodes_that_differ(replay(bench, run_id))}")
            ids = [row["episode_id"] for _, row in bench.ledger.episodes_of(run_id)][:FORKS]
            before = [fingerprint(bench.saver, episode_id) for episode_id in ids]
            for episode_id in ids:
                fork(bench, episode_id, Changes(state={"code": "def f(): pass\n"}), at="execute")
            same = sum(fingerprint(bench.saver, i) == b for i, b in zip(ids, before, strict=True))
            print(f"{len(ids)} episodes forked; originals unchanged, byte for byte: {same} of {len(ids)}")


if __name__ == "__main__":
    main()
