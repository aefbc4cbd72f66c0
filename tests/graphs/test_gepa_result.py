"""The pool of an optimisation in the shape of gepa's result, read by gepa itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from gepa.core.result import GEPAResult
from typer.testing import CliRunner

from batch.gepa_result import gepa_result
from cli.prompts import app
from optimization.pareto import best_candidate
from runtime.rollouts import rollouts_of
from state.errors import SetupError


def test_gepa_reads_the_exported_pool_with_our_best_candidate_and_our_front(optimisation: Any, tmp_path: Path) -> None:
    with optimisation(iterations=30, patience=10) as (run, _, services):
        pool = run.drive()["pool"]
        rollouts = rollouts_of(run.plan.ref, run.context)
        scores = [rollouts.vector(entry["prompt_set"]) for entry in pool]
        spent = services.ledger.episodes_of(run.plan.run_id)
    file = tmp_path / "pool.json"
    command = ["export", str(file), run.plan.run_id, "--format", "gepa", "--home", str(tmp_path / "home")]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    read: GEPAResult[str, str] = GEPAResult.from_dict(json.loads(file.read_text("utf-8")))

    assert len(pool) > 2
    assert read.best_idx == best_candidate(scores)
    assert read.best_candidate == services.prompts.get(pool[read.best_idx]["prompt_set"])["components"]
    assert read.parents == [[None], *(entry["parents"] for entry in pool[1:])]
    assert read.val_subscores == scores
    assert read.per_val_instance_best_candidates == {
        task: {i for i, of_one in enumerate(scores) if of_one[task] == max(one[task] for one in scores)}
        for task in scores[0]
    }
    assert read.total_metric_calls == sum(phase.split(":")[1] != "test" for phase, _ in spent)
    assert read.discovery_eval_counts == sorted(read.discovery_eval_counts)
    assert f"{read.val_aggregate_scores[read.best_idx]:.2f}" in read.candidate_tree_dot()


def test_what_gepa_wrote_again_is_what_we_exported(optimisation: Any) -> None:
    with optimisation(iterations=3) as (run, _, services):
        run.drive()
        exported = gepa_result(services.ledger, services.optimisations, services.prompts, run.plan.run_id)

        assert GEPAResult.from_dict(exported).to_dict() == exported


def test_an_optimisation_that_is_not_there_cannot_be_exported(optimisation: Any) -> None:
    with optimisation() as (_, _, services), pytest.raises(SetupError, match="no optimisation 'opt-1'"):
        gepa_result(services.ledger, services.optimisations, services.prompts, "opt-1")
