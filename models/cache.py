"""Answers by what was asked, for users who want no question asked twice."""

import json
from collections.abc import Sequence

from sqlalchemy import select

from models.call import Answer
from state.message import Message
from state.usage import Usage
from storage.contents import canonical, digest_of
from storage.engine import Home, insert_new
from storage.tables import cached_answers


class AnswerCache:
    """Answers of a home, by model, messages and sample: the n-th sample of a question has an answer of its own."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def get(self, model_id: str, messages: Sequence[Message], sample: int) -> Answer | None:
        """Return the answer that was kept, at no cost and in no time; None when there is none."""
        query = select(cached_answers.c.answer).where(cached_answers.c.question == _key(model_id, messages, sample))
        with self._home.reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is None:
            return None
        kept = json.loads(found)
        usage: Usage = kept["usage"]
        free: Usage = {**usage, "cost_usd": 0.0, "model_s": 0.0}
        return Answer(text=kept["text"], finish=kept["finish"], usage=free, effort=kept.get("effort"))

    def put(self, model_id: str, messages: Sequence[Message], sample: int, answer: Answer) -> None:
        """Keep an answer; the first one to a question stays."""
        kept = {"text": answer.text, "finish": answer.finish, "usage": answer.usage, "effort": answer.effort}
        row = {"question": _key(model_id, messages, sample), "answer": canonical(kept)}
        with self._home.writing() as connection:
            insert_new(connection, cached_answers, [row])


def _key(model_id: str, messages: Sequence[Message], sample: int) -> str:
    return digest_of(canonical([model_id, list(messages), sample]))
