"""Prompt sets: content-addressed templates, the shipped ones and those in the home."""

import json
from importlib.resources import files
from string import Template

from sqlalchemy import select

from state.errors import SetupError
from state.prompt_set import PromptSet
from storage.contents import canonical, digest_of
from storage.engine import Home, insert_new
from storage.tables import prompt_sets

# Each component with the placeholders that its template must contain, no more and no fewer.
PLACEHOLDERS: dict[str, frozenset[str]] = {
    "system": frozenset(),
    "skills": frozenset(),
    "generate": frozenset({"task", "examples", "memories", "feedback"}),
    "repair": frozenset({"number", "code", "outcome"}),
}


def prompt_set_of(components: dict[str, str]) -> PromptSet:
    """Check the components and give them their id.

    Raises SetupError when a component is missing, unknown, or loses or invents a placeholder.
    """
    if set(components) != set(PLACEHOLDERS):
        raise SetupError(f"a prompt set has the components {sorted(PLACEHOLDERS)}; got {sorted(components)}")
    for name, text in components.items():
        template = Template(text)
        found = frozenset(template.get_identifiers())
        if not template.is_valid() or found != PLACEHOLDERS[name]:
            raise SetupError(
                f"prompt component {name!r} must use the placeholders {sorted(PLACEHOLDERS[name])}; "
                f"it has {sorted(found)}. A literal dollar sign is written $$"
            )
    return {"prompt_set": digest_of(canonical(components)), "components": dict(sorted(components.items()))}


def shipped_prompt_set() -> PromptSet:
    """Return the prompt set that comes with the product."""
    folder = files("prompts")
    return prompt_set_of({name: folder.joinpath(f"{name}.md").read_text("utf-8").strip() for name in PLACEHOLDERS})


class PromptRegistry:
    """The prompt sets of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._loaded: dict[str, PromptSet] = {}

    def save(self, prompt_set: PromptSet, *, author: str, parents: list[str], created_at: float) -> str:
        """Keep a prompt set (once, however often it is saved); return its id."""
        row = {
            "prompt_set": prompt_set["prompt_set"],
            "components": canonical(prompt_set["components"]),
            "parents": canonical(parents),
            "author": author,
            "created_at": created_at,
        }
        with self._home.writing() as connection:
            insert_new(connection, prompt_sets, [row])
        self._loaded[prompt_set["prompt_set"]] = prompt_set
        return prompt_set["prompt_set"]

    def get(self, prompt_set: str) -> PromptSet:
        """Return a prompt set by its id; raises SetupError when the home has none of that id."""
        if prompt_set not in self._loaded:
            query = select(prompt_sets.c.components).where(prompt_sets.c.prompt_set == prompt_set)
            with self._home.reading() as connection:
                text = connection.execute(query).scalar_one_or_none()
            if text is None:
                raise SetupError(f"no prompt set {prompt_set!r} in {self._home.folder}")
            self._loaded[prompt_set] = {"prompt_set": prompt_set, "components": json.loads(text)}
        return self._loaded[prompt_set]
