from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runtime.context import Context
from runtime.episodes import (
    batches_per_epoch,
    episode_specs,
    held_out_tasks,
    horizon_at,
    learnability,
    learnable_tasks,
    tasks_of_batch,
)
from runtime.settings import Settings
from state.learning import Plan, RunRef, TaskEntry

RUN: RunRef = {"run_id": "run-1", "tasks": "t", "model": "fake", "conditions": "c", "watermark": 7}
PLAN: Plan = {
    "batch": 2, "epoch": 0, "memory_snapshot": "m", "horizon": {"watermark": 7, "run_id": "run-1", "batch": 2}
}  # fmt: skip


def entry(number: int, split: str = "train") -> TaskEntry:
    return {"task_id": f"t{number}", "task": f"address {number}", "split": split}  # type: ignore[typeddict-item]


@st.composite
def files(draw: st.DrawFn) -> list[TaskEntry]:
    splits = draw(st.lists(st.sampled_from(["train", "train", "validation", "test"]), min_size=1, max_size=40))
    return [entry(number, split) for number, split in enumerate(["train", *splits])]


def ids(entries: list[TaskEntry]) -> list[str]:
    return [entry["task_id"] for entry in entries]


@given(entries=files(), size=st.integers(1, 12), seed=st.integers(), epochs=st.integers(1, 3))
def test_every_train_task_is_in_one_batch_per_epoch_and_no_held_out_task_in_any(
    entries: list[TaskEntry], size: int, seed: int, epochs: int
) -> None:
    settings = Settings(batch_size=size, seed=seed, epochs=epochs)
    count = batches_per_epoch(entries, settings)
    train = sorted(e["task_id"] for e in entries if e["split"] == "train")
    for epoch in range(epochs):
        batches = [tasks_of_batch(entries, epoch * count + index, settings) for index in range(count)]
        assert sorted(name for batch in batches for name in ids(batch)) == train
        assert all(1 <= len(batch) <= size for batch in batches)
        assert not {*ids(held_out_tasks(entries))} & {name for batch in batches for name in ids(batch)}


@given(entries=files(), seed=st.integers(), batch=st.integers(0, 20))
def test_a_batch_depends_on_the_seed_and_its_number_alone(entries: list[TaskEntry], seed: int, batch: int) -> None:
    settings = Settings(batch_size=3, seed=seed)
    assert tasks_of_batch(entries, batch, settings) == tasks_of_batch(list(entries), batch, settings)


def test_another_seed_and_another_epoch_have_another_order() -> None:
    entries = [entry(number) for number in range(30)]
    orders = [
        ids(tasks_of_batch(entries, batch, Settings(batch_size=30, seed=seed))) for seed in (0, 1) for batch in (0, 1)
    ]
    assert len({tuple(order) for order in orders}) == 4


def test_each_task_and_repeat_is_an_episode_whose_id_follows_from_its_key(context: Context) -> None:
    wide = replace(context, settings=context.settings.model_copy(update={"repeats": 2}))
    specs = episode_specs(RUN, [entry(1), entry(2, "test")], PLAN, "p", wide)
    assert [(spec["task_id"], spec["repeat"], spec["learn"]) for spec in specs] == [
        ("t1", 0, True), ("t1", 1, True), ("t2", 0, False), ("t2", 1, False)
    ]  # fmt: skip
    assert len({spec["episode_id"] for spec in specs}) == 4
    assert episode_specs(RUN, [entry(1), entry(2, "test")], PLAN, "p", wide) == specs


def test_a_held_out_episode_of_another_run_that_would_end_the_same_has_the_same_id(context: Context) -> None:
    [spec] = episode_specs(RUN, [entry(1, "test")], PLAN, "p", context)
    later: Plan = {**PLAN, "batch": 3, "horizon": {**PLAN["horizon"], "batch": 3}}
    [again] = episode_specs({**RUN, "run_id": "run-2"}, [entry(1, "test")], later, "p", context)
    assert again["episode_id"] == spec["episode_id"]


def test_a_train_episode_belongs_to_its_run_for_that_is_who_sees_its_memories(context: Context) -> None:
    [spec] = episode_specs(RUN, [entry(1)], PLAN, "p", context)
    [other] = episode_specs({**RUN, "run_id": "run-2"}, [entry(1)], PLAN, "p", context)
    assert other["episode_id"] != spec["episode_id"]


def test_whatever_an_episode_depends_on_makes_another_id(context: Context) -> None:
    def episode_id(run: Any = (), plan: Any = (), prompts: str = "p", task: TaskEntry | None = None) -> str:
        changed: Any = ({**RUN, **dict(run)}, [task or entry(1)], {**PLAN, **dict(plan)}, prompts, context)
        return episode_specs(*changed)[0]["episode_id"]

    changes = [episode_id(), episode_id(prompts="q"), episode_id(plan={"memory_snapshot": "n"})]
    changes += [episode_id(run={"model": "x"}), episode_id(run={"conditions": "d"})]
    changes += [episode_id(task=entry(2)), episode_id(task=entry(1, "test"))]
    assert len(set(changes)) == len(changes)


def test_without_memories_in_the_settings_nothing_is_visible(context: Context) -> None:
    blind = replace(context, settings=context.settings.model_copy(update={"memories": 0}))
    assert horizon_at(RUN, 4, blind) == ({"watermark": 7, "run_id": "run-1", "batch": 4}, "")


def test_shuffled_memories_are_those_of_another_task_of_the_batch(context: Context) -> None:
    entries = [entry(number) for number in range(5)]
    settings = context.settings.model_copy(update={"shuffle_memories": True})
    specs = episode_specs(RUN, entries, PLAN, "p", replace(context, settings=settings))
    plain = episode_specs(RUN, entries, PLAN, "p", context)
    asked = {spec["task"]: spec["recall"] for spec in specs}
    assert sorted(asked.values()) == sorted(asked)
    assert all(task != other for task, other in asked.items())
    assert not {spec["episode_id"] for spec in specs} & {spec["episode_id"] for spec in plain}
    assert all("recall" not in spec for spec in plain)


def test_learnability_is_nothing_for_what_is_never_solved_and_falls_with_the_pass_rate() -> None:
    assert [learnability(solved, 4) for solved in range(5)] == [0.0, 0.75, 0.5, 0.25, 0.0]


def test_after_the_first_epoch_what_is_solved_now_and_then_comes_first(context: Context, finished_of: Any) -> None:
    settings = context.settings.model_copy(update={"batch_size": 2, "draw": "learnable"})
    entries = [entry(number) for number in range(4)]
    attempts = {0: (1, 1), 1: (1, 3), 2: (0, 3), 3: (1, 2)}  # solved, programs
    for number, (solved, programs) in attempts.items():
        row = finished_of(f"e{number}", task=f"address {number}", solved=solved, attempts=programs)
        context.ledger.record(row, "run-1", f"train:{number // 2:04d}", number, had_failed=False)
    with_settings = replace(context, settings=settings)
    assert ids(learnable_tasks(RUN, entries, 2, with_settings)) == ["t1", "t3"]
    assert ids(learnable_tasks(RUN, entries, 1, with_settings)) == ids(tasks_of_batch(entries, 1, settings))
