from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.supervise import next_step, supervise
from runtime.settings import Settings
from state.learning import Progress

BEGUN: Any = {
    "batches": 0, "episodes": 0, "solved": 0, "unscored": 0, "measured_at": -1, "optimised_at": 0, "tended_at": 0
}  # fmt: skip


def progress(**given: int) -> Progress:
    return {**BEGUN, **given}


@pytest.mark.parametrize(
    ("now", "settings", "step"),
    [
        (progress(), {}, "plan_batch"),
        (progress(batches=2), {}, "measure_held_out"),
        (progress(batches=2, measured_at=2), {}, "end"),
        (progress(), {"measure_every": 1}, "measure_held_out"),
        (progress(measured_at=0), {"measure_every": 1}, "plan_batch"),
        (progress(batches=1), {"measure_every": 2}, "plan_batch"),
        (progress(batches=1, episodes=7), {"optimise_every": 8}, "plan_batch"),
        (progress(batches=1, episodes=9), {"optimise_every": 8, "tend_every": 8}, "optimise_prompts"),
        (progress(batches=1, episodes=9, optimised_at=9), {"optimise_every": 8, "tend_every": 8}, "tend_memory"),
        (progress(batches=1, episodes=9, optimised_at=9, tended_at=9), {"optimise_every": 8}, "plan_batch"),
        (progress(batches=2, episodes=17, optimised_at=9), {"optimise_every": 8}, "optimise_prompts"),
    ],
)
def test_the_first_step_that_is_due_is_taken(now: Progress, settings: dict[str, Any], step: str) -> None:
    assert next_step(now, Settings(**settings), 2, has_held_out=True) == step


def test_without_held_out_tasks_nothing_is_measured() -> None:
    assert next_step(progress(batches=2), Settings(measure_every=1), 2, has_held_out=False) == "end"


@given(
    total=st.integers(0, 5), size=st.integers(0, 9), every=st.tuples(*[st.integers(0, 12)] * 3), held_out=st.booleans()
)
def test_a_run_ends_after_every_batch_and_its_last_measurement(
    total: int, size: int, every: tuple[int, int, int], held_out: bool
) -> None:
    settings = Settings(measure_every=every[0], optimise_every=every[1], tend_every=every[2])
    now, taken = progress(), []
    while (step := next_step(now, settings, total, has_held_out=held_out)) != "end":
        taken.append(step)
        assert len(taken) <= 4 * total + 4, "each step once per batch at most"
        done = {"batches": now["batches"] + 1, "episodes": now["episodes"] + size}
        change = {
            "plan_batch": done,
            "measure_held_out": {"measured_at": now["batches"]},
            "optimise_prompts": {"optimised_at": now["episodes"]},
            "tend_memory": {"tended_at": now["episodes"]},
        }
        now = {**now, **change[step]}  # type: ignore[typeddict-item]
    assert now["batches"] == total
    assert now["measured_at"] == (total if held_out else -1)


def test_the_node_counts_the_batches_of_all_epochs(run_of: Any, progress_of: Any, runtime_with: Any) -> None:
    run, runtime = run_of("train", "train", "train", "test"), runtime_with({"batch_size": 2, "epochs": 2})
    steps = [
        supervise({"run": run, "progress": progress_of(batches=batches)}, runtime)["step"] for batches in (0, 3, 4)
    ]
    assert steps == ["plan_batch", "plan_batch", "measure_held_out"]
