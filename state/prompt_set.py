"""Named prompt components, content-addressed."""

from typing_extensions import TypedDict


class PromptSet(TypedDict):
    """A set of templates; its id is the digest of its components."""

    prompt_set: str
    components: dict[str, str]  # "system", "skills", "generate", "repair"
