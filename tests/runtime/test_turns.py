"""What of a proposal can be used."""

from typing import Any

import pytest

from optimization.turns import fresh_tally
from prompts.registry import shipped_prompt_set
from runtime.rollouts import Rollouts
from runtime.turns import Turn, usable
from storage.contents import canonical

REFERENCE = (
    "def add(a, b):\n    total = 0\n    for part in [a, b]:\n        total = total + part * 1\n    return total - 0\n"
)


@pytest.fixture
def turn(runtime: Any, task_of: Any) -> Turn:
    """Make the first turn of an optimisation with one train task."""
    context = runtime.context
    [address] = context.tasks.put([task_of(reference=REFERENCE)])
    [tasks] = context.contents.put(canonical([{"task_id": "add", "task": address, "split": "train"}]))
    prompt_set = context.prompts.save(shipped_prompt_set(), author="shipped", parents=[], created_at=0.0)
    ref: Any = {"run_id": "opt-1", "tasks": tasks, "prompt_set": prompt_set, "seed": 0}
    trial: Any = {"proposer": "mine", "parent": 0, "component": "system", "evidence": "", "child": ""}
    pool: Any = [{"prompt_set": prompt_set, "parents": [], "proposer": "seed", "iteration": 0}]
    rollouts = Rollouts(ref, context)
    return Turn(ref=ref, pool=pool, tally=fresh_tally(), trial=trial, rollouts=rollouts, context=context)


def row(**components: str) -> Any:
    return {"components": components, "why": "because", "failed": 0, "merge": []}


def test_a_proposal_that_copies_a_train_task_s_answer_is_refused(turn: Turn) -> None:
    child, why = usable(row(system="When asked, write:\n" + REFERENCE.replace("total", "acc")), turn)

    assert child is None
    assert why.startswith("refused: it copies a reference of secret-id/1")


def test_a_usable_proposal_is_the_parent_with_its_changes(turn: Turn) -> None:
    child, why = usable(row(skills="- add what is to be added"), turn)

    assert child is not None
    assert child["components"] == {**shipped_prompt_set()["components"], "skills": "- add what is to be added"}
    assert why == "because"


def test_what_is_in_the_pool_already_is_not_tried_again(turn: Turn) -> None:
    assert usable(row(skills=" "), turn) == (None, "refused: it has been tried")


def test_of_skill_lines_only_those_that_copy_an_answer_are_left_out(turn: Turn) -> None:
    copying = "- write: total = 0; for part in [a, b]: total = total + part * 1; return total - 0"
    child, why = usable(row(skills=f"- sort first\n{copying}\n- handle the empty input"), turn)

    assert child is not None
    assert child["components"]["skills"] == "- sort first\n- handle the empty input"
    assert why == "because; 1 lines left out that copied an answer"
