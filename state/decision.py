"""What a person said when an episode asked."""

from typing_extensions import TypedDict

from state.json_values import JsonObject


class Answer(TypedDict):
    """An answer, as it resumes a thread."""

    approved: bool
    edits: JsonObject  # channel -> its new value
    answered_at: float  # seconds since the epoch


class Decision(TypedDict):
    """An answer, as the state keeps it."""

    approved: bool
    edited: list[str]  # channels
    answered_at: float
