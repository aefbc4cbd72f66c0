"""What prompt optimisation does for the offline model on the bundled katas: skill lines, memory off, a tight budget.

    python -m benchmarks.optimisation [--seeds 5] [--budget 2000]
    python -m benchmarks.optimisation --fresh [--first 2201] [--seeds 5]
    python -m benchmarks.optimisation --shuffled --seeds 20

Each seed begins with empty skills and its own draws. Printed are what was promoted and on what evidence, and, for
what was promoted, the test split with paired 95 % intervals of the solve rate and of the search effort.
--fresh: every seed makes katas of its own, with other combinations, examples and wording of the same concepts.
--shuffled: the control. Every other candidate gets, on every task, the result that the first one got on a task drawn
at random from the same split: results say nothing about prompts, and nothing should be promoted.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from batch.optimisation_summary import OptimisationSummary, summarise_optimisation
from batch.optimise import OptimisationRun, plan_optimisation
from benchmarks.learning import tasks_for
from checkpoints.ledger import Ledger
from runtime.build import open_services
from runtime.context import BatchResult, RunEpisodes
from runtime.settings import load_settings
from state.episode import EpisodeSpec
from state.ledger import FinishedEpisode


@dataclass
class Shuffled:
    """Runs the first candidate's rollouts and draws those of all others from its results."""

    real: RunEpisodes
    ledger: Ledger
    first: str
    seed: int
    known: list[FinishedEpisode] = field(default_factory=list)

    def __call__(self, specs: Sequence[EpisodeSpec], phase: str) -> BatchResult:
        """Bring the episodes to an end."""
        mine = [spec for spec in specs if spec["prompt_set"] == self.first]
        done: BatchResult = self.real(mine, phase) if mine else {"finished": [], "unscored": []}
        self.known += done["finished"]
        for position, spec in enumerate(specs):
            if spec["prompt_set"] != self.first:
                row = self._drawn(spec)
                self.ledger.record(row, spec["run_id"], phase, position, had_failed=False)
                done["finished"].append(row)
        return done

    def _drawn(self, spec: EpisodeSpec) -> FinishedEpisode:
        like = sorted((row for row in self.known if row["split"] == spec["split"]), key=lambda row: row["episode_id"])
        row = Random(f"{self.seed}:{spec['prompt_set']}:{spec['task_id']}").choice(like)
        return {
            **row, "episode_id": spec["episode_id"], "prompt_set": spec["prompt_set"], "task_id": spec["task_id"],
            "task": spec["task"],
        }  # fmt: skip


def one_seed(seed: int, budget: int, folder: Path, *, fresh: bool, shuffled: bool) -> OptimisationSummary:
    """Optimise once and print what came of it."""
    settings = load_settings(home=folder, seed=seed, budget=budget, attempts=1, memories=0, concurrency=2)
    services = open_services(settings)
    started = time.monotonic()
    try:
        tasks = tasks_for(seed, folder, fresh=fresh)
        run = OptimisationRun(plan_optimisation(services, tasks, "katas", measure_test=not shuffled), services)
        if shuffled:
            drawn = Shuffled(run.context.run_episodes, services.ledger, run.plan.ref["prompt_set"], seed)
            run.context = replace(run.context, run_episodes=drawn)
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
    return summary


def has_effect(summary: OptimisationSummary) -> bool:
    """Tell whether an interval on the test split lies above zero."""
    test = (summary.ending or {}).get("test") or {}
    intervals = [test[name] for name in ("solve_rate", "halvings") if name in test]
    return any(found["low"] is not None and found["low"] > 0 for found in intervals)


def has_promoted(summary: OptimisationSummary) -> bool:
    """Tell whether another prompt set than the first is in use."""
    return summary.ending is not None and summary.ending["promoted"] != summary.candidates[0].prompt_set


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=2_000, help="candidates per answer")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--fresh", action="store_true", help="katas of its own for every seed")
    parser.add_argument("--shuffled", action="store_true")
    options = parser.parse_args()
    found = 0
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            summary = one_seed(seed, options.budget, Path(folder), fresh=options.fresh, shuffled=options.shuffled)
            found += has_promoted(summary) if options.shuffled else has_effect(summary)
    if options.shuffled:
        print(f"nothing promoted in {options.seeds - found} of {options.seeds} seeds")
        sys.exit(0 if found <= 0.05 * options.seeds else 1)
    print(f"an effect on the test split in {found} of {options.seeds} seeds")
    sys.exit(0 if found > options.seeds / 2 else 1)


if __name__ == "__main__":
    main()
