"""The stages of task proposal, each with real services and a model that says what is given."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import BaseMessage
from langgraph.runtime import Runtime

from models.offline.chat import OfflineChatModel
from models.roles import models_with
from nodes.admit import admit
from nodes.propose import propose
from nodes.solve_reference import solve_reference
from nodes.validate import validate
from runtime.context import Context
from runtime.proposing import ProposalContext
from sandbox.local import LocalSandbox
from state.proposal import Draft, Proposed, SeriesRef
from storage.contents import canonical

ASKED: dict[str, Any] = {
    "prompt": 'def evens(numbers: list[int]) -> list[int]:\n    """Keep the even ones."""\n',
    "entry_point": "evens",
    "reference": "def evens(numbers: list[int]) -> list[int]:\n    return [x for x in numbers if x % 2 == 0]\n",
    "inputs": [f"([{n}, {3 * n + 1}, {n * n}],)" for n in range(3, 15)],
}
Proposing = Callable[..., Runtime[ProposalContext]]


@pytest.fixture
def proposing(context: Context) -> Proposing:
    """Make what the stages are called with."""

    def make(**services: Any) -> Runtime[ProposalContext]:
        known = {field.name: getattr(context, field.name) for field in fields(Context)}
        return Runtime(context=ProposalContext(**{**known, **services}))

    return make


@pytest.fixture
def series(context: Context, task_of: Any) -> Callable[..., SeriesRef]:
    """Make a series in which the given tasks are known."""

    def make(*tasks: Any, **given: Any) -> SeriesRef:
        [known] = context.contents.put(canonical(context.tasks.put(list(tasks))))
        base: Any = {"series": "s", "seed": 0, "count": 5, "most": 9, "tries": 0, "known": known, "watermark": 0}
        return {**base, **given}

    return make


@pytest.fixture
def proposed(context: Context) -> Callable[..., Proposed]:
    """Make a proposal with the draft given."""

    def make(number: int = 0, answers: list[str] | None = None, **given: Any) -> Proposed:
        task = {**ASKED, **given}
        names: dict[str, Any] = {}
        exec(task["reference"], names)
        run = names[task["entry_point"]]
        draft: Draft = {**task, "answers": answers or [repr(run(*eval(text))) for text in task["inputs"]]}  # type: ignore[typeddict-item]
        [content] = context.contents.put(canonical(draft))
        return {"number": number, "content": content, "refused": "", "learnability": 0.0}

    return make


START: Any = {"progress": {"proposed": 0, "admitted": 0, "refused": {}}, "admitted": ""}


def test_every_number_of_a_series_is_asked_for_once_and_an_answer_without_a_task_is_refused(
    proposing: Proposing, series: Any
) -> None:
    said = [f"```json\n{json.dumps(ASKED)}\n```", "I would rather not."]
    runtime = proposing(models=models_with(FakeListChatModel(responses=said)))
    batch = propose({"series": series(most=2), **START}, runtime)["batch"]
    assert [one["number"] for one in batch] == [0, 1]
    assert sorted(one["refused"] for one in batch) == ["", "no task: no JSON in the answer"]


class Recording(FakeListChatModel):
    """Says what is given, and keeps what it was told."""

    told: list[str]

    def _call(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> str:
        self.told.append("\n".join(str(message.content) for message in messages))
        return super()._call(messages, *args, **kwargs)


def test_the_proposing_model_hears_of_train_tasks_only(proposing: Proposing, series: Any, task_of: Any) -> None:
    splits = ("train", "validation", "test")
    known = [task_of(task_id=split, entry_point=f"of_{split}", split=split) for split in splits]
    model = Recording(responses=["no"], told=[])
    propose({"series": series(*known, most=1), **START}, proposing(models=models_with(model)))
    assert [split for split in splits if f"of_{split}" in model.told[0]] == ["train"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inputs": ["([1],)"] * 20}, "fewer than 9"),
        ({"inputs": ["__import__('os')"] * 9}, "inputs"),
        ({"reference": "def other(): pass"}, "does not define"),
        ({"entry_point": "not a name"}, "no function name"),
        ({"prompt": None}, "prompt"),
    ],
)
def test_a_task_that_is_none_is_refused_with_the_reason(
    proposing: Proposing, series: Any, change: dict[str, Any], reason: str
) -> None:
    said = [json.dumps({**ASKED, **change})]
    runtime = proposing(models=models_with(FakeListChatModel(responses=said)))
    [one] = propose({"series": series(most=1), **START}, runtime)["batch"]
    assert reason in one["refused"]


def test_what_a_reference_gives_becomes_what_the_tests_expect(
    proposing: Proposing, proposed: Any, context: Context
) -> None:
    [one] = solve_reference({"batch": [proposed()]}, proposing())["batch"]
    assert json.loads(context.contents.get(one["content"]))["answers"][:2] == ["[10]", "[4, 16]"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return list(set(str(x) for x in numbers))", "not deterministic"),
        ("return numbers[7]", "IndexError"),
        ("return 'x' * 500", "too long"),
        ("while True: pass", "timeout"),
    ],
)
def test_a_reference_that_cannot_be_relied_on_refuses_its_task(
    proposing: Proposing, proposed: Any, body: str, reason: str
) -> None:
    other = LocalSandbox(1, hash_seed=1)
    reference = f"def evens(numbers: list[int]) -> list[int]:\n    {body}\n"
    draft = proposed(answers=[])
    draft = {**draft, "content": _with(draft, proposing, reference=reference)}
    [one] = solve_reference({"batch": [draft]}, proposing(other_sandbox=other))["batch"]
    other.close()
    assert reason in one["refused"]


def _with(one: Proposed, proposing: Proposing, **given: Any) -> str:
    contents = proposing().context.contents
    [content] = contents.put(canonical({**json.loads(contents.get(one["content"])), **given}))
    return content


def test_a_task_with_the_words_or_the_behaviour_of_a_known_one_is_refused(
    proposing: Proposing, series: Any, proposed: Any, task_of: Any
) -> None:
    known = task_of(entry_point="pick", prompt="Something else.", reference=ASKED["reference"].replace("evens", "pick"))
    worded = task_of(entry_point="keep", prompt='def keep(x):\n    """Ones: the even, keep."""\n', reference=None)
    for task, reason in ((known, "known: does what"), (worded, "known: the words of")):
        state: Any = {"series": series(task), "batch": [proposed()], "admitted": ""}
        assert validate(state, proposing())["batch"][0]["refused"].startswith(reason)


def test_the_examples_shown_tell_the_reference_from_every_ablation(
    proposing: Proposing, series: Any, proposed: Any, context: Context
) -> None:
    reference = (
        "def evens(numbers: list[int]) -> list[int]:\n    return sorted([x // 3 for x in numbers if x % 2 == 0])\n"
    )
    inputs = [f"([{n}, {50 - 3 * n}, {n * n}],)" for n in range(3, 15)]
    state: Any = {"series": series(), "batch": [proposed(reference=reference, inputs=inputs)], "admitted": ""}
    [one] = validate(state, proposing())["batch"]
    assert one["refused"] == ""
    shown = json.loads(context.contents.get(one["content"]))["examples"]
    for wrong in (
        "[x // 3 for x in n if x % 2 == 0]",
        "sorted(x for x in n if x % 2 == 0)",
        "sorted(x // 3 for x in n)",
    ):
        answers = [repr(eval(f"(lambda n: {wrong})")(*eval(e["args_literal"]))) for e in shown]
        assert answers != [e["expected_literal"] for e in shown]


def test_a_part_that_changes_nothing_or_an_answer_that_is_always_the_same_refuses_the_task(
    proposing: Proposing, series: Any, proposed: Any
) -> None:
    idle = (
        "def evens(numbers: list[int]) -> list[int]:\n    return sorted(sorted([x for x in numbers if x % 2 == 0]))\n"
    )
    same = "def evens(numbers: list[int]) -> list[int]:\n    return [len(numbers)]\n"
    state: Any = {"series": series(), "batch": [proposed(reference=idle), proposed(reference=same)], "admitted": ""}
    refused = [one["refused"].partition(":")[0] for one in validate(state, proposing())["batch"]]
    assert refused == ["redundant", "trivial"]


def test_a_task_that_is_never_solved_is_too_hard_and_one_that_always_is_too_easy(
    proposing: Proposing, series: Any, proposed: Any
) -> None:
    solver = FakeListChatModel(responses=[f"```python\n{ASKED['reference']}```"])
    for model, reason in ((solver, "too easy"), (FakeListChatModel(responses=["No."]), "too hard")):
        state: Any = {"series": series(tries=2), "batch": [proposed()], "admitted": ""}
        assert validate(state, proposing(models=models_with(model)))["batch"][0]["refused"].startswith(reason)


def test_what_is_solved_now_and_then_is_learnable(proposing: Proposing, series: Any, proposed: Any) -> None:
    said = [f"```python\n{ASKED['reference']}```", "No.", "No.", "No."]
    state: Any = {"series": series(tries=4), "batch": [proposed()], "admitted": ""}
    [one] = validate(state, proposing(models=models_with(FakeListChatModel(responses=said))))["batch"]
    assert (one["refused"], one["learnability"]) == ("", 0.75)


def test_what_a_batch_proposes_twice_is_admitted_once_and_refusals_are_counted(
    proposing: Proposing, series: Any, proposed: Any, context: Context
) -> None:
    batch: list[Any] = [proposed(0), proposed(1), {**proposed(2), "refused": "too hard: solved in 0 of 4 tries"}]
    state: Any = {"series": series(), "batch": batch, "admitted": ""}
    valid = validate(state, proposing())["batch"]
    after = admit({**state, **START, "batch": valid}, proposing())
    again = admit({**state, **START, "batch": valid}, proposing())
    assert after == again
    assert after["progress"] == {"proposed": 3, "admitted": 1, "refused": {"known": 1, "too hard": 1}}
    assert len(json.loads(context.contents.get(after["admitted"]))) == 1


def test_no_test_that_a_try_hides_and_no_reference_reaches_the_model(
    proposing: Proposing, series: Any, proposed: Any
) -> None:
    class Listening(OfflineChatModel):
        def _answer(self, messages: Any) -> Any:
            heard.extend(message.text for message in messages)
            return super()._answer(messages)

    heard: list[str] = []
    model = Listening(budget=500, workers=1)
    validate({"series": series(tries=1), "batch": [proposed()], "admitted": ""}, proposing(models=models_with(model)))
    model.close()
    assert "% 2 == 0" not in "".join(heard)
    assert sum(text[1:-2] in "".join(heard) for text in ASKED["inputs"]) == 3
