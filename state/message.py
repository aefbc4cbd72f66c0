"""A chat message as plain data."""

from typing import Literal

from typing_extensions import TypedDict


class Message(TypedDict):
    """One message of a conversation with a model."""

    role: Literal["system", "user"]
    content: str
