"""Threads that wait for a person: asked, answered, done."""

import json
from typing import TypedDict

from sqlalchemy import delete, select, update

from state.decision import Answer
from storage.contents import canonical
from storage.engine import Home, insert_new
from storage.tables import questions


class Question(TypedDict):
    """A thread that waits before a node."""

    thread_id: str
    before: str  # the node that waits
    run_id: str
    task_id: str
    phase: str
    position: int
    asked_at: float
    answer: str  # JSON of an Answer; "" while there is none
    answered_at: float | None


class Questions:
    """The open questions of a home. An answer is kept before the thread goes on, so that no kill can lose it."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def ask(self, question: Question) -> None:
        """Note that a thread waits; noting it again changes nothing."""
        with self._home.writing() as connection:
            insert_new(connection, questions, [question])

    def answer(self, thread_id: str, answer: Answer) -> None:
        """Keep an answer; the first one counts."""
        mine = (questions.c.thread_id == thread_id) & (questions.c.answer == "")
        values = {"answer": canonical(answer), "answered_at": answer["answered_at"]}
        with self._home.writing() as connection:
            connection.execute(update(questions).where(mine).values(values))

    def answer_to(self, thread_id: str) -> Answer | None:
        """Return what was answered to a thread, None when nothing was."""
        with self._home.reading() as connection:
            text = connection.execute(select(questions.c.answer).where(questions.c.thread_id == thread_id)).scalar()
        answer: Answer | None = json.loads(text) if text else None
        return answer

    def open(self) -> list[Question]:
        """Return the threads that wait, the oldest question first."""
        query = select(questions).order_by(questions.c.asked_at, questions.c.thread_id)
        with self._home.reading() as connection:
            return [Question(**row) for row in connection.execute(query).mappings()]  # type: ignore[typeddict-item]

    def close(self, thread_id: str) -> None:
        """Forget a question whose thread has come to its end."""
        with self._home.writing() as connection:
            connection.execute(delete(questions).where(questions.c.thread_id == thread_id))
