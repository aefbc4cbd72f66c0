"""A prompt optimisation over planted tasks: rollouts are drawn, everything else is real."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch.optimise import OptimisationRun, plan_optimisation
from benchmarks.planted import PlantedRunner, planted_tasks
from runtime.build import open_services
from runtime.settings import load_settings
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
