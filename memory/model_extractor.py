"""Facts out of a text by a chat model: structured answers, or the rules when the model gives none."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from memory.pipeline import Extractor, by_sentences
from memory.record import Draft
from storage.contents import digest_of

log = logging.getLogger(__name__)

INSTRUCTIONS = (
    "List the facts in the text below that are worth remembering for months: who someone is, what they like, decided, "
    "own or plan, how a project works. One sentence per fact, understandable without the text, in the text's language, "
    "with names, numbers and dates kept exactly. Never a question, a greeting or a guess. An empty list is a good "
    "answer. Give `slot` only where a thing has one value at a time (a home town, a version): what the fact gives a "
    "value to, as 'subject: attribute'.\n\nText:\n"
)


class Fact(BaseModel):
    """One fact, as the model gives it."""

    text: str = Field(min_length=3, max_length=2_000)
    slot: str = ""


class Facts(BaseModel):
    """A model's answer."""

    facts: list[Fact] = Field(max_length=50)


def extractor_of(model: Any) -> Extractor:
    """Return an extractor that asks a LangChain chat model.

    An answer that is not what was asked for is not an error: the rules take over, so that nothing that was said is
    lost. Errors of the connection are raised.
    """
    structured = model.with_structured_output(Facts)

    def extract(draft: Draft) -> Sequence[Draft]:
        try:
            answer = structured.invoke(INSTRUCTIONS + draft.text)
            facts = Facts.model_validate(answer.model_dump() if isinstance(answer, BaseModel) else answer).facts
        except (ValidationError, ValueError):
            log.warning("the model's facts were not what was asked for", extra={"characters": len(draft.text)})
            return by_sentences(draft)
        return [_fact(draft, fact, number) for number, fact in enumerate(facts)]

    return extract


def _fact(draft: Draft, fact: Fact, number: int) -> Draft:
    slot = digest_of(fact.slot.casefold().strip()) if fact.slot.strip() else ""
    return replace(draft, text=fact.text, slot=slot, cause=f"{draft.cause}#{number}")
