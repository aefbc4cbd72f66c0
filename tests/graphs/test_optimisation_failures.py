"""Proposers and models that fail or hang while prompts are optimised: counted apart, and nothing finished is lost."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from batch.optimisation_summary import OptimisationSummary, summarise_optimisation
from batch.optimise import OptimisationRun, plan_optimisation
from benchmarks.loopback_model import LoopbackModel, add_tasks
from proposers.protocol import Request
from runtime.build import open_services
from runtime.settings import load_settings
from state.errors import TransientError
from tasks.load import load_tasks

ROUND = 20


def failing_every_twentieth_time(request: Request) -> dict[str, str]:
    """Raise in one call of twenty; add a line that changes nothing in the others."""
    if request.index % ROUND == 7:
        raise ConnectionError("no answer")
    return {"skills": f"{request.components['skills']}\n- line {request.index}".strip()}


def test_a_proposer_that_fails_a_twentieth_of_its_calls_costs_these_iterations_and_nothing_else(
    optimisation: Any,
) -> None:
    name = "tests.graphs.test_optimisation_failures:failing_every_twentieth_time"
    with optimisation(proposers=[name], iterations=ROUND, patience=ROUND + 1) as (run, runner, services):
        state = run.drive()
        summary = summarise_optimisation(services.ledger, services.optimisations, services.prompts, run.plan.run_id)
        failed = [i.iteration for i in summary.iterations if i.why == "failed: ConnectionError: no answer"]

        assert failed == [7]
        assert summary.failures == state["tally"]["failures"] == 1
        assert [i.iteration for i in summary.iterations if i.decision == "none"] == [7]
        assert state["ending"]["reason"] == f"{ROUND} iterations are done"
        assert len(runner.executed) == len(set(runner.executed))


class Stubborn(LoopbackModel):
    """Never answers for the tasks in `hanging`, and with status 500 for those in `failing`."""

    def __init__(self) -> None:
        super().__init__()
        self.hanging: set[str] = set()
        self.released = threading.Event()

    def answer(self, prompt: str) -> dict[str, Any]:
        if any(f"def {name}(" in prompt for name in self.hanging):
            self.released.wait()
        return super().answer(prompt)


@pytest.fixture
def stubborn() -> Iterator[Stubborn]:
    with Stubborn().serving() as model:
        yield model
        model.released.set()


@pytest.fixture
def optimised(tmp_path: Path, stubborn: Stubborn) -> Callable[..., Any]:
    """Optimise on twenty train and ten validation tasks with a model on loopback that is given 0.3 s for an answer."""

    @contextmanager
    def opened(**optimiser: Any) -> Iterator[tuple[OptimisationRun, Callable[[], OptimisationSummary]]]:
        tasks = [{**task, "split": "validation" if n >= 20 else "train"} for n, task in enumerate(add_tasks(30))]
        file = tmp_path / "tasks.jsonl"
        file.write_text("".join(json.dumps(task) + "\n" for task in tasks), encoding="utf-8")
        given = {"proposers": ["benchmarks.optimisation_machinery:propose_anything"], "iterations": 4, "patience": 9}
        settings = load_settings(
            model="openai:adder", base_url=stubborn.base_url, home=tmp_path / "home", attempts=1, concurrency=2,
            model_timeout_s=0.3, retries=0, optimiser={**given, "gate_cap": 8, **optimiser},
        )  # fmt: skip
        services = open_services(settings)
        run = OptimisationRun(plan_optimisation(services, load_tasks(file).tasks, "tasks"), services)
        log = (services.ledger, services.optimisations, services.prompts)
        try:
            yield run, lambda: summarise_optimisation(*log, run.plan.run_id)
        finally:
            run.close()
            services.close()

    return opened


@pytest.mark.parametrize("budget", [{}, {"tokens": 1_000_000}], ids=["all at once", "in pieces"])
def test_a_model_that_hangs_on_a_task_and_fails_on_another_leaves_them_out_and_the_run_completes(
    optimised: Callable[..., Any], stubborn: Stubborn, budget: dict[str, float]
) -> None:
    stubborn.hanging, stubborn.failing = {"add_3"}, {"add_8", "add_21"}
    with optimised(budget=budget, examples=20) as (run, summary):
        state = run.drive()
        ledger = run.context.ledger.episodes_of(run.plan.run_id)

        assert state["ending"]["reason"] == "4 iterations are done"
        assert [i.decision for i in summary().iterations] == ["reject"] * 4
        assert summary().failures == 0, "they are no failures of a proposer"
        assert not {row["task_id"] for _, row in ledger} & {"add/3", "add/8", "add/21"}
        assert summary().total["rollouts"] == len({row["episode_id"] for _, row in ledger}), "each is paid for once"


def test_a_model_that_answers_nothing_any_more_ends_the_run_and_the_same_command_goes_on(
    optimised: Callable[..., Any], stubborn: Stubborn
) -> None:
    every = {f"add_{n}" for n in range(30)}
    with optimised(budget={"tokens": 1_000_000}) as (run, _):
        stubborn.failing = every
        with pytest.raises(TransientError, match="no episode of begin:validation got a result"):
            run.drive()
    stubborn.failing = set()
    with optimised(budget={"tokens": 1_000_000}) as (run, summary):
        assert run.drive()["ending"]["reason"] == "4 iterations are done"
        assert len(summary().iterations) == 4
