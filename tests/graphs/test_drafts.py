"""A proposer that learns in rounds: its drafts are taught further, and only what comes of them is judged."""

from pathlib import Path
from typing import Any

import pytest

from batch.optimisation_summary import OptimisationSummary, summarise_optimisation
from benchmarks.planted import GOOD, HARMFUL
from proposers.protocol import Request
from tests.graphs.conftest import driven_in_pieces
from workbench import Workbench, replay

LEARNING = {"patience": 1, "iterations": 3, "examples": 100}


def line_by_line(request: Request) -> dict[str, str] | None:
    """Add a good rule in every round."""
    lines = request.components["skills"].splitlines()
    fresh = [rule for rule in GOOD if rule not in lines]
    return {"skills": "\n".join([*lines, fresh[0]])} if fresh else None


def well_then_badly(request: Request) -> dict[str, str]:
    """Add all good rules, then all harmful ones."""
    lines = request.components["skills"].splitlines()
    return {"skills": "\n".join([*lines, *(HARMFUL if lines else GOOD)])}


def badly(_request: Request) -> dict[str, str]:
    """Give harmful rules only."""
    return {"skills": "\n".join(HARMFUL)}


def well_then_not_at_all(request: Request) -> dict[str, str]:
    """Add all good rules, then fail."""
    if request.components["skills"]:
        raise ValueError("no idea")
    return {"skills": "\n".join(GOOD)}


for _function in (line_by_line, well_then_badly, badly, well_then_not_at_all):
    _function.rounds = 3  # type: ignore[attr-defined]


def named(function: Any) -> dict[str, Any]:
    return {**LEARNING, "proposers": [f"tests.graphs.test_drafts:{function.__name__}"]}


def summary_of(run: Any, services: Any) -> OptimisationSummary:
    return summarise_optimisation(services.ledger, services.optimisations, services.prompts, run.plan.run_id)


def decisions(run: Any, services: Any) -> list[tuple[str, str]]:
    return [(iteration.decision, iteration.why) for iteration in summary_of(run, services).iterations]


def test_a_proposal_in_rounds_is_judged_once_by_tasks_that_taught_none_of_its_drafts(optimisation: Any) -> None:
    with optimisation(**named(line_by_line)) as (run, _, services):
        pool = run.drive()["pool"]
        used = phases(run, services)

        assert [decision for decision, _ in decisions(run, services)] == ["draft", "draft", "accept"]
        assert [(entry["parents"], entry["iteration"]) for entry in pool] == [([], 0), ([0], 3)]
        assert len(used["teach"]) == 100, "every round learns from the same tasks"
        assert used["gate"]
        assert not used["teach"] & used["gate"]


@pytest.mark.parametrize("function", [well_then_badly, well_then_not_at_all])
def test_when_a_round_brings_nothing_the_draft_before_it_is_judged(optimisation: Any, function: Any) -> None:
    with optimisation(**named(function)) as (run, _, services):
        state = run.drive()
        skills = services.prompts.get(state["pool"][-1]["prompt_set"])["components"]["skills"]

        assert ("accept", f"skills by {named(function)['proposers'][0]}") in decisions(run, services)
        assert skills.splitlines() == list(GOOD)
        failures = state["tally"]["failures"]
        assert bool(failures) == (function is well_then_not_at_all)
        assert failures == summary_of(run, services).failures


def test_a_draft_that_is_no_better_even_on_the_tasks_that_taught_it_is_not_judged(optimisation: Any) -> None:
    with optimisation(**named(badly)) as (run, _, services):
        run.drive()

        assert decisions(run, services)[:2] == [
            ("draft", f"skills by {named(badly)['proposers'][0]}"),
            ("none", "the draft is no better even on the tasks that taught it"),
        ]
        assert not any(":gate:" in phase for phase, _ in services.ledger.episodes_of(run.plan.run_id))


def seeing_all(request: Request) -> dict[str, str]:
    """Add what is good first, then what does nothing."""
    lines = request.components["skills"].splitlines()
    return {"skills": "\n".join([*lines, *([f"- line {request.index}"] if lines else GOOD)])}


seeing_all.examples = None  # type: ignore[attr-defined]


def test_who_learns_from_all_train_tasks_is_judged_by_validation_tasks_and_every_child_has_its_share_of_the_error(
    optimisation: Any,
) -> None:
    given = {"proposers": [f"tests.graphs.test_drafts:{seeing_all.__name__}"], "patience": 9, "iterations": 4}
    with optimisation(**given) as (run, _, services):
        run.drive()
        summary = summary_of(run, services)
        used = phases(run, services)

        assert len(used["teach"]) == 160
        assert {split for _, split in used["gate"]} == {"validation"}
        judged = [i.decision for i in summary.iterations if i.decision != "none"]
        assert judged == ["accept", "reject", "reject"]
        assert summary.ending is not None
        assert summary.ending["verdict"]["alpha"] == pytest.approx(0.02 / 3)


def phases(run: Any, services: Any) -> dict[str, set[tuple[str, str]]]:
    """Return the tasks by what they were used for, each with its split."""
    found: dict[str, set[tuple[str, str]]] = {}
    for phase, row in services.ledger.episodes_of(run.plan.run_id):
        found.setdefault(phase.split(":")[1], set()).add((row["task_id"], row["split"]))
    return found


def test_the_last_iteration_and_the_last_of_the_budget_judge_instead_of_teaching(optimisation: Any) -> None:
    with optimisation(**named(line_by_line) | {"iterations": 1}) as (run, _, services):
        run.drive()
        assert [decision for decision, _ in decisions(run, services)] != ["draft"]
    with optimisation(home="poor", **named(line_by_line), budget={"rollouts": 80 + 100 + 200}) as (run, _, services):
        run.drive()
        assert decisions(run, services)[0][0] in ("accept", "reject")


def test_drafts_survive_breaks_at_any_node_and_replay_without_a_difference(optimisation: Any, tmp_path: Path) -> None:
    with optimisation(home="whole", **named(line_by_line)) as (run, _, _services):
        whole = run.drive()
    state, executed, run_id = driven_in_pieces(optimisation, 2, home="broken", **named(line_by_line))

    assert [state[name] for name in ("pool", "tally", "ending")] == [whole[n] for n in ("pool", "tally", "ending")]
    assert len(executed) == len(set(executed))
    with Workbench(tmp_path / "broken") as bench:
        assert replay(bench, run_id).is_same
