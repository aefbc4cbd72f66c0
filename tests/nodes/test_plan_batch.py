import json
from typing import Any

import pytest

from nodes.plan_batch import plan_batch


@pytest.mark.parametrize(("batches", "epoch"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_a_batch_belongs_to_an_epoch_and_sees_what_earlier_batches_wrote(
    run_of: Any, progress_of: Any, runtime_with: Any, batches: int, epoch: int
) -> None:
    state = {"run": run_of("train", "train", "train", "test"), "progress": progress_of(batches=batches)}
    plan = plan_batch(state, runtime_with({"batch_size": 2}))["plan"]
    assert (plan["batch"], plan["epoch"]) == (batches, epoch)
    assert plan["horizon"] == {"watermark": 0, "run_id": "run-1", "batch": batches}


def test_the_snapshot_names_what_is_visible_and_changes_with_it(
    run_of: Any, progress_of: Any, runtime: Any, remembered: Any
) -> None:
    state: Any = {"run": run_of("train"), "progress": progress_of(batches=1)}
    empty = plan_batch(state, runtime)["plan"]["memory_snapshot"]
    remembered("later", batch=1)
    later = plan_batch(state, runtime)["plan"]["memory_snapshot"]
    remembered("earlier", batch=0)
    assert (empty, later) == ("", "")
    assert plan_batch(state, runtime)["plan"]["memory_snapshot"] != ""


def test_a_batch_drawn_by_learnability_names_its_tasks(
    run_of: Any, progress_of: Any, runtime_with: Any, contents: Any
) -> None:
    state: Any = {"run": run_of("train", "train", "test"), "progress": progress_of(batches=0)}
    plan = plan_batch(state, runtime_with({"batch_size": 5, "draw": "learnable"}))["plan"]
    assert sorted(entry["task_id"] for entry in json.loads(contents.get(plan["tasks"]))) == ["t0", "t1"]
    assert "tasks" not in plan_batch(state, runtime_with({}))["plan"]
