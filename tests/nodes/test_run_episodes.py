from typing import Any

from nodes.run_episodes import run_episodes


def test_the_batch_that_was_planned_runs_and_its_results_are_counted(
    run_of: Any, progress_of: Any, runtime_with: Any, finished_of: Any
) -> None:
    ran: list[Any] = []

    def runner(specs: Any, phase: str) -> Any:
        ran.append(([spec["task_id"] for spec in specs], [spec["learn"] for spec in specs], phase))
        rows = [finished_of(spec["episode_id"], solved=number % 2) for number, spec in enumerate(specs)]
        return {"finished": rows[1:], "unscored": [rows[0]["episode_id"]]}

    horizon: Any = {"watermark": 0, "run_id": "run-1", "batch": 3}
    plan: Any = {"batch": 3, "epoch": 3, "horizon": horizon, "memory_snapshot": ""}
    before = progress_of(batches=3, episodes=10, solved=5, unscored=1)
    state: Any = {"run": run_of("train", "test", "train", "train"), "plan": plan, "prompt_set": "p", "progress": before}
    after = run_episodes(state, runtime_with(run_episodes=runner))["progress"]
    assert after == {**before, "batches": 4, "episodes": 12, "solved": 6, "unscored": 2}
    [(names, learn, phase)] = ran
    assert (sorted(names), learn, phase) == (["t0", "t2", "t3"], [True] * 3, "train:0003")
