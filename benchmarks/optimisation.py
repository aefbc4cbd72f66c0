"""What prompt optimisation does for the offline model on the bundled katas: skill lines, memory off, a tight budget.

    python -m benchmarks.optimisation [--seeds 5] [--budget 2000]

Each seed begins with empty skills and its own draws. Printed are what was promoted and on what evidence, and, for
what was promoted, the test split with paired 95 % intervals of the solve rate and of the search effort.
"""

import argparse
import tempfile
import time
from pathlib import Path

from batch.optimisation_summary import summarise_optimisation
from batch.optimise import OptimisationRun, plan_optimisation
from runtime.build import open_services
from runtime.settings import load_settings
from tasks.load import load_tasks, resolve_tasks


def one_seed(seed: int, budget: int, folder: Path) -> bool:
    """Optimise once and print what came of it; return whether the effect on the test split excludes zero."""
    settings = load_settings(home=folder, seed=seed, budget=budget, attempts=1, memories=0, concurrency=2)
    services = open_services(settings)
    started = time.monotonic()
    try:
        run = OptimisationRun(plan_optimisation(services, load_tasks(resolve_tasks("katas")).tasks, "katas"), services)
        try:
            run.drive()
        finally:
            run.close()
        summary = summarise_optimisation(services.ledger, services.optimisations, services.prompts, run.plan.run_id)
    finally:
        services.close()
    took = time.monotonic() - started
    tried, accepted = len(summary.iterations), len(summary.candidates) - 1
    rollouts = summary.total["rollouts"]
    print(f"seed {seed}: {summary.verdict_line}")
    print(
        f"    {tried} iterations, {accepted} accepted, {rollouts:.0f} rollouts, {took:.0f} s; {summary.ending_reason}"
    )
    for line in summary.test_lines:
        print(f"    test: {line}", flush=True)
    test = (summary.ending or {}).get("test") or {}
    intervals = [test[name] for name in ("solve_rate", "halvings") if name in test]
    return any(found["low"] is not None and found["low"] > 0 for found in intervals)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=2_000, help="candidates per answer")
    options = parser.parse_args()
    found = 0
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            found += one_seed(seed, options.budget, Path(folder))
    print(f"an effect on the test split in {found} of {options.seeds} seeds")


if __name__ == "__main__":
    main()
