"""Facts by a chat model."""

import json
from typing import Any

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableLambda

from memory.model_extractor import extractor_of
from memory.pipeline import Pipeline
from memory.record import Draft, Scope
from memory.records import Records

TEXT = Draft(text="We met at noon. I moved from Paris to Rome!", cause="1", scope=Scope(user="ann"))


class JsonModel(GenericFakeChatModel):
    """Answers with JSON, as a provider's structured output does."""

    def with_structured_output(self, schema: Any, **_: Any) -> Runnable[Any, Any]:  # type: ignore[override]
        return self | RunnableLambda(lambda message: json.loads(message.content))


def model(*answers: str) -> JsonModel:
    return JsonModel(messages=iter([AIMessage(answer) for answer in answers]))


def test_a_model_s_facts_are_remembered_and_conflicts_resolved(records: Records) -> None:
    answers = [
        json.dumps({"facts": [{"text": f"Ann lives in {city}.", "slot": "Ann: home"}]}) for city in ("Paris", "Rome")
    ]
    pipeline = Pipeline(records, extractor=extractor_of(model(*answers)))
    (paris,) = pipeline.remember([TEXT])
    (rome,) = pipeline.remember([Draft(text="...", cause="2", scope=TEXT.scope)])
    assert rome.superseded == (paris.memory_id,)


def test_an_answer_that_is_not_what_was_asked_for_gives_way_to_the_rules() -> None:
    extract = extractor_of(model('{"facts": 3}', "no json"))
    assert [[draft.text for draft in extract(TEXT)] for _ in range(2)] == [
        ["We met at noon.", "I moved from Paris to Rome!"]
    ] * 2


def test_a_text_without_facts_leaves_nothing(records: Records) -> None:
    assert Pipeline(records, extractor=extractor_of(model('{"facts": []}'))).remember([TEXT]) == []
