import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from models.recorded import RecordedAnswer, RecordedChatModel
from models.roles import models_with
from nodes.generate import generate
from prompts.registry import prompt_set_of, shipped_prompt_set
from runtime.context import Context
from state.episode import Attempt
from state.errors import PermanentError, SetupError
from storage.contents import ContentStore, canonical

CODE = "def add(a, b):\n    return a + b\n"


class Listening(FakeListChatModel):
    """A model that notes what it is asked, and cuts its answer off."""

    heard: list[Any] = []  # noqa: RUF012 - pydantic copies it

    def _generate(self, messages: list[BaseMessage], *_: Any, **options: Any) -> ChatResult:
        self.heard.append((messages, options))
        message = AIMessage(content=f"```python\n{CODE}", response_metadata={"finish_reason": "length"})
        return ChatResult(generations=[ChatGeneration(message=message)])


@pytest.fixture
def generated(episode_of: Any, task_of: Any, runtime_with: Any) -> Callable[..., Attempt]:
    """Run `generate` on the addition task with a model; return the new attempt."""

    def run(model: Any, memories: Any = (), attempts: Any = (), **given: Any) -> Attempt:
        state: Any = {"episode": episode_of(task_of(), **given), "memories": list(memories), "attempts": list(attempts)}
        [attempt] = generate(state, runtime_with(models=models_with(model)))["attempts"]
        return attempt

    return run


def answering(text: str) -> FakeListChatModel:
    return FakeListChatModel(responses=[text])


def test_the_model_is_told_the_task_and_its_examples_and_nothing_else(generated: Any, contents: ContentStore) -> None:
    model = Listening(responses=[""])
    attempt = generated(model)
    [(messages, options)] = model.heard
    said = "\n".join(str(message.content) for message in messages) + str(options)
    assert "Return the sum of a and b." in said
    assert "assert add(1, 2) == 3" in said
    assert not [secret for secret in ("7117", "7118", "7227", "7229", "reference", "secret-id") if secret in said]
    assert [m["content"] for m in json.loads(contents.get(attempt["request"]))] == [m.content for m in messages]


def test_an_answer_becomes_an_attempt_whose_texts_are_in_the_content_store(generated: Any, contents: Any) -> None:
    attempt = generated(answering(f"Sure:\n```python\n{CODE}```"))
    assert contents.get(attempt["code"]) == CODE
    assert contents.get(attempt["answer"]).startswith("Sure:")
    assert (attempt["index"], attempt["finish"], attempt["report"], attempt["feedback"]) == (0, "stop", None, "")


def test_an_answer_without_a_program_is_a_model_that_declined(generated: Any, contents: ContentStore) -> None:
    attempt = generated(answering("This is beyond me."))
    assert (attempt["finish"], attempt["code"]) == ("declined", "")
    assert contents.get(attempt["answer"]) == "This is beyond me."


def test_an_answer_that_was_cut_off_keeps_what_it_had(generated: Any, contents: ContentStore) -> None:
    attempt = generated(Listening(responses=[""]))
    assert (attempt["finish"], contents.get(attempt["code"])) == ("length", CODE)


def test_a_repair_is_told_every_earlier_program_and_what_was_said_of_it(
    generated: Any, contents: ContentStore, attempt_of: Any
) -> None:
    feedback = contents.put(*[canonical({"outcome": f"outcome {n}"}) for n in range(2)])
    past = [attempt_of(f"program({n})", index=n, feedback=feedback[n]) for n in range(2)]
    attempt = generated(answering(CODE), attempts=past)
    asked = json.loads(contents.get(attempt["request"]))[-1]["content"]
    assert attempt["index"] == 2
    assert [asked.index(text) for text in ("program(0)", "outcome 0", "program(1)", "outcome 1")] == sorted(
        asked.index(text) for text in ("program(0)", "outcome 0", "program(1)", "outcome 1")
    )


def test_memories_are_shown_in_the_order_and_with_the_scores_of_the_search(
    generated: Any, contents: ContentStore, remembered: Any
) -> None:
    ids = [remembered("second choice"), remembered("first choice")]
    shown = [{"memory_id": ids[1], "score": 0.75}, {"memory_id": ids[0], "score": 0.25}]
    asked = json.loads(contents.get(generated(answering(CODE), memories=shown)["request"]))[-1]["content"]
    assert "similarity 0.75): first choice" in asked
    assert asked.index("first choice") < asked.index("second choice")


def test_only_a_recorded_model_is_told_where_its_answer_lies(generated: Any, contents: ContentStore) -> None:
    answers = {"secret-id/1": [RecordedAnswer(task_id="x", solution=f"{CODE}# {n}\n") for n in range(2)]}
    model = RecordedChatModel(answers=answers, content_digest="d")
    assert contents.get(generated(model, repeat=1)["code"]) == f"{CODE}# 1\n"
    with pytest.raises(PermanentError, match="no recorded answer for secret-id/1 repeat 3"):
        generated(model, repeat=2)


def test_a_prompt_set_that_is_gone_is_named(generated: Any) -> None:
    with pytest.raises(SetupError, match="no prompt set 'gone'"):
        generated(answering(CODE), prompt_set="gone")


def test_skill_lines_are_left_out_where_the_run_is_a_control(
    episode_of: Any, task_of: Any, runtime_with: Any, context: Context
) -> None:
    components = {**shipped_prompt_set()["components"], "skills": "- when sum: prefer add"}
    prompt_set = context.prompts.save(prompt_set_of(components), author="test", parents=[], created_at=0.0)
    state: Any = {"episode": episode_of(task_of(), prompt_set=prompt_set), "memories": [], "attempts": []}
    said = []
    for skills in (True, False):
        model = Listening(responses=[""], heard=[])
        generate(state, runtime_with({"skills": skills}, models=models_with(model)))
        said.append("- when sum: prefer add" in str(model.heard))
    assert said == [True, False]
