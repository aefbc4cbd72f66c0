"""Named prompt components, content-addressed, and the history of their versions."""

from typing_extensions import TypedDict

from state.json_values import JsonObject


class PromptSet(TypedDict):
    """A set of templates; its id is the digest of its components."""

    prompt_set: str
    components: dict[str, str]  # "system", "skills", "generate", "repair"


class PromptVersion(PromptSet):
    """A prompt set with where it comes from."""

    parents: list[str]  # ids; two for a merge, none for what a user wrote
    author: str  # "shipped", "user", or the name of the proposer
    evidence: JsonObject  # the figures on which it was accepted; {} where nobody measured
    created_at: float
