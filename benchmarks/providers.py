"""Whole batches through both providers' SDKs, with faults in a share of all calls: same results, and what it took.

    python -m benchmarks.providers [--tasks 300] [--share 0.2]

Each way runs the same tasks once without and once with faults: 429 with Retry-After in seconds and as a date, 500, 529,
connections that end before and in the middle of an answer, stalls, truncated and corrupt answers.
"""

import argparse
import shutil
import sys
import tempfile
import time
from operator import itemgetter
from pathlib import Path

from batch.loop import LearningRun, plan_run
from batch.summary import RunSummary, summarise
from benchmarks.loopback_model import write_tasks
from benchmarks.provider_server import ProviderServer
from runtime.build import open_services
from runtime.settings import load_settings
from tasks.load import load_tasks

TIMEOUT_S = 2.0


def run_batch(server: ProviderServer, provider: str, tasks: Path, home: Path, *, stream: bool) -> RunSummary:
    """Run the tasks with one provider's SDK."""
    settings = load_settings(
        model=f"{provider}:adder", base_url=server.base_url(provider), home=home, memories=0, stream=stream,
        model_timeout_s=TIMEOUT_S, retries=12, retry_wait_s=0.05, concurrency=16,
        prices={f"{provider}:adder": {"input": 1.0, "output": 10.0}},
    )  # fmt: skip
    services = open_services(settings)
    plan = plan_run(settings, load_tasks(tasks).tasks, "tasks", services)
    learning = LearningRun(plan, services)
    learning.drive()
    learning.close()
    summary = summarise(services.ledger, plan.run_id)
    services.close()
    return summary


def results(summary: RunSummary) -> list[tuple[object, ...]]:
    """Return what must not depend on faults: all of a row but its times."""
    names = (
        "task_id",
        "solved_first",
        "solved",
        "reward",
        "attempts",
        "prompt_tokens",
        "completion_tokens",
        "cost_usd",
    )
    return [itemgetter(*names)(row) for _, row in summary.episodes]


def main() -> None:
    """Print a line per way; exit 1 when a result differs or is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="providers-"))
    tasks = write_tasks(folder / "tasks.jsonl", options.tasks)
    good = True
    for provider in ("openai", "anthropic"):
        for stream in (False, True):
            with ProviderServer(delay_s=0.02).serving() as server:
                calm = run_batch(server, provider, tasks, folder / f"{provider}-{stream}-calm", stream=stream)
            began = time.monotonic()
            faulty = ProviderServer(options.share, seed=options.seed, delay_s=0.02, stall_s=TIMEOUT_S + 0.5)
            with faulty.serving() as server:
                rough = run_batch(server, provider, tasks, folder / f"{provider}-{stream}-rough", stream=stream)
            took_s = time.monotonic() - began
            same = results(calm) == results(rough) and not rough.failures
            good = good and same
            [use] = rough.model_use
            print(f"{provider}, {'streaming' if stream else 'whole answers'}: {len(rough.episodes)} episodes, ", end="")
            print(f"{use.calls} answers, results {'equal' if same else 'DIFFER'}, {len(rough.failures)} without result")
            print(f"  {sum(faulty.injected.values())} faults: {dict(faulty.injected.most_common())}")
            print(f"  {use.failed_tries} failed tries: {use.retries}; {took_s:.1f} s")
    shutil.rmtree(folder)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
