"""A prompt optimisation over planted tasks: rollouts are drawn, everything else is real."""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch.optimise import OptimisationRun, plan_optimisation
from benchmarks.planted import PlantedRunner, planted_tasks
from runtime.build import open_services
from runtime.context import BatchResult
from runtime.settings import load_settings
from state.optimization import OptimizationState
from tasks.load import load_tasks

PROPOSER = "benchmarks.planted:propose_rule"


@pytest.fixture
def optimisation(tmp_path: Path) -> Callable[..., Any]:
    """Open an optimisation of planted tasks with its runner; the fields given are those of [optimiser]."""

    @contextmanager
    def opened(
        prompts: str = "", home: str = "home", seed: int = 0, shuffled: bool = False, asks: bool = False, **given: Any
    ) -> Any:
        tasks = load_tasks(planted_tasks(tmp_path / "planted.jsonl", 160, 60, 20)).tasks
        optimiser = {"proposers": [PROPOSER, "drop_lines"], "gate_cap": 160, "iterations": 8, **given}
        settings = load_settings(
            home=tmp_path / home, optimiser=optimiser, prompts=prompts, seed=seed, ask=["promote"] * asks
        )
        services = open_services(settings)
        plan = plan_optimisation(services, tasks, "planted", measure_test=not asks)
        run = OptimisationRun(plan, services)
        runner = PlantedRunner(services.home, services.prompts, seed, shuffled=shuffled)
        run.context = replace(run.context, run_episodes=runner)
        try:
            yield run, runner, services
        finally:
            run.close()
            services.close()

    return opened


def driven_in_pieces(
    optimisation: Callable[..., Any], batches: int, **given: Any
) -> tuple[OptimizationState, list[str], str]:
    """Drive an optimisation whose process ends after every so many batches, the last one's checkpoint unwritten.

    Return its final state, the rollouts that were executed in all, and its id.
    """
    executed: list[str] = []
    while True:
        with optimisation(**given) as (run, runner, _services):
            phases: list[str] = []

            def breaking(specs: Any, phase: str, runner: Any = runner, phases: list[str] = phases) -> BatchResult:
                result: BatchResult = runner(specs, phase)
                phases.append(phase)
                if len(phases) == batches:
                    raise RuntimeError("the process ends after the work and before its checkpoint")
                return result

            run.context = replace(run.context, run_episodes=breaking)
            state = None
            with suppress(RuntimeError):
                state = run.drive()
            executed += runner.executed
            if state is not None:
                return state, executed, run.plan.run_id
