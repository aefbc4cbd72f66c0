"""Prompt sets: content-addressed templates, the shipped ones and those in the home; which one is in use."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from sqlalchemy import Row, func, select, update

from state.errors import SetupError
from state.json_values import JsonMapping
from state.prompt_set import PromptSet, PromptVersion
from storage.contents import canonical, digest_of
from storage.engine import Home, insert_new
from storage.tables import prompt_choices, prompt_sets

# Each component with the placeholders that its template must contain, no more and no fewer.
PLACEHOLDERS: dict[str, frozenset[str]] = {
    "system": frozenset(),
    "skills": frozenset(),
    "generate": frozenset({"task", "examples", "memories", "feedback"}),
    "repair": frozenset({"number", "code", "outcome"}),
    "review": frozenset(),
}
SHIPPED, CURRENT = "shipped", "current"  # names that stand for an id


def prompt_set_of(components: Mapping[str, str]) -> PromptSet:
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
    ordered = dict(sorted(components.items()))
    return {"prompt_set": digest_of(canonical(ordered)), "components": ordered}


def shipped_prompt_set() -> PromptSet:
    """Return the prompt set that comes with the product."""
    folder = files("prompts")
    return prompt_set_of({name: folder.joinpath(f"{name}.md").read_text("utf-8").strip() for name in PLACEHOLDERS})


def read_folder(folder: Path, base: PromptSet) -> PromptSet:
    """Read a folder of NAME.md files; components without a file are those of `base`.

    Raises SetupError for a file that is no component, cannot be read, or loses or invents a placeholder.
    """
    found = sorted(folder.glob("*.md"))
    unknown = [path.name for path in found if path.stem not in PLACEHOLDERS]
    if unknown or not found:
        names = ", ".join(f"{name}.md" for name in PLACEHOLDERS)
        what = f"{unknown[0]} is no prompt component" if unknown else "there is no prompt in it"
        raise SetupError(f"{folder}: {what}. A folder of prompts holds any of {names}")
    try:
        given = {path.stem: path.read_text("utf-8").strip() for path in found}
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"cannot read the prompts in {folder}: {error}") from error
    return prompt_set_of({**base["components"], **given})


def write_folder(prompt_set: PromptSet, folder: Path) -> list[Path]:
    """Write each component as NAME.md; return the files. Raises SetupError when the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, text in prompt_set["components"].items():
            path = folder / f"{name}.md"
            path.write_text(f"{text}\n" if text else "", encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise SetupError(f"cannot write to {folder}: {error.strerror}") from error
    return written


class PromptRegistry:
    """The prompt sets of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._loaded: dict[str, PromptSet] = {}

    def save(
        self,
        prompt_set: PromptSet,
        *,
        author: str,
        parents: Sequence[str],
        created_at: float,
    ) -> str:
        """Keep a prompt set (once, however often it is saved); return its id."""
        row = {
            "prompt_set": prompt_set["prompt_set"],
            "components": canonical(prompt_set["components"]),
            "parents": canonical(list(parents)),
            "author": author,
            "created_at": created_at,
            "evidence": "{}",
        }
        with self._home.writing() as connection:
            insert_new(connection, prompt_sets, [row])
        self._loaded[prompt_set["prompt_set"]] = prompt_set
        return prompt_set["prompt_set"]

    def add_evidence(self, prompt_set: str, evidence: JsonMapping) -> None:
        """Note figures of a prompt set that the home has; what is known under a name stays as it is."""
        c = prompt_sets.c
        with self._home.writing(alone="prompts") as connection:
            query = select(c.evidence).where(c.prompt_set == prompt_set)
            known = json.loads(connection.execute(query).scalar_one())
            values = {"evidence": canonical({**evidence, **known})}
            connection.execute(update(prompt_sets).where(c.prompt_set == prompt_set).values(values))

    def get(self, prompt_set: str) -> PromptSet:
        """Return a prompt set by its id; raises SetupError when the home has none of that id."""
        if prompt_set not in self._loaded:
            query = select(prompt_sets.c.components).where(prompt_sets.c.prompt_set == prompt_set)
            with self._home.reading() as connection:
                text = connection.execute(query).scalar_one_or_none()
            if text is None:
                raise SetupError(f"no prompt set {prompt_set!r} in {self._home.name}")
            # a set of before there was a component has the shipped text for it
            components = {**shipped_prompt_set()["components"], **json.loads(text)}
            self._loaded[prompt_set] = {"prompt_set": prompt_set, "components": components}
        return self._loaded[prompt_set]

    def versions(self) -> list[PromptVersion]:
        """Return every version of the home, the newest first."""
        query = select(prompt_sets).order_by(prompt_sets.c.created_at.desc(), prompt_sets.c.prompt_set)
        with self._home.reading() as connection:
            return [_version(row) for row in connection.execute(query)]

    def find(self, name: str, now: float) -> PromptVersion:
        """Return the version that a user means: the beginning of an id, "shipped" or "current".

        Raises SetupError when there is none, or several begin so.
        """
        if name in (SHIPPED, CURRENT):
            name = self.chosen(now) if name == CURRENT else self._shipped(now)
        query = select(prompt_sets).where(prompt_sets.c.prompt_set.startswith(name, autoescape=True)).limit(2)
        with self._home.reading() as connection:
            rows = connection.execute(query).all()
        if not rows or not name:
            raise SetupError(f"no prompt set {name!r} in {self._home.name}; `ratchet prompts list` lists them")
        if len(rows) > 1:
            raise SetupError(f"several prompt sets begin with {name!r}: give more of the id")
        return _version(rows[0])

    def resolve(self, name: str, now: float) -> str:
        """Return the id of what a setting names: a folder (kept as the user's version), an id, or what is in use."""
        if name and Path(name).is_dir():
            base = self.get(self.chosen(now))
            return self.add_users(read_folder(Path(name), base), base["prompt_set"], now)
        return self.find(name or CURRENT, now)["prompt_set"]

    def add_users(self, prompt_set: PromptSet, parent: str, now: float) -> str:
        """Keep what a user wrote, with the version it was written over as its parent; return its id."""
        parents = [parent] if parent != prompt_set["prompt_set"] else []
        return self.save(prompt_set, author="user", parents=parents, created_at=now)

    def chosen(self, now: float) -> str:
        """Return the id of the prompt set that new runs use: the shipped one until another is chosen."""
        c = prompt_choices.c
        query = select(c.prompt_set).where(c.withdrawn_at.is_(None)).order_by(c.seq.desc()).limit(1)
        with self._home.reading() as connection:
            found: str | None = connection.execute(query).scalar_one_or_none()
        return found or self._shipped(now)

    def choose(self, prompt_set: str, *, author: str, now: float) -> None:
        """Use a prompt set in new runs. Choosing what is in use already changes nothing."""
        if self.chosen(now) == prompt_set:
            return
        with self._home.writing(alone="prompts") as connection:
            last = connection.execute(select(func.coalesce(func.max(prompt_choices.c.seq), 0))).scalar_one()
            row = {"seq": last + 1, "prompt_set": prompt_set, "author": author, "chosen_at": now, "withdrawn_at": None}
            insert_new(connection, prompt_choices, [row])

    def choose_once(self, prompt_set: str, *, author: str, now: float) -> None:
        """Use a prompt set in new runs, unless this author has chosen before: a user may have gone back since."""
        query = select(prompt_choices.c.seq).where(prompt_choices.c.author == author).limit(1)
        with self._home.reading() as connection:
            has_chosen = connection.execute(query).first() is not None
        if not has_chosen:
            self.choose(prompt_set, author=author, now=now)

    def rollback(self, now: float) -> tuple[str, str]:
        """Withdraw the latest choice; return the ids before and after.

        Raises SetupError when there is nothing to go back to.
        """
        before = self.chosen(now)
        c = prompt_choices.c
        with self._home.writing(alone="prompts") as connection:
            last = connection.execute(select(func.max(c.seq)).where(c.withdrawn_at.is_(None))).scalar_one()
            if last is not None:
                connection.execute(update(prompt_choices).where(c.seq == last).values(withdrawn_at=now))
        if last is None:
            raise SetupError("the shipped prompt set is in use: there is nothing to go back to")
        return before, self.chosen(now)

    def _shipped(self, now: float) -> str:
        return self.save(shipped_prompt_set(), author="shipped", parents=[], created_at=now)


def _version(row: Row[Any]) -> PromptVersion:
    decoded = {name: json.loads(getattr(row, name) or "{}") for name in ("components", "parents", "evidence")}
    return PromptVersion(**{**row._mapping, **decoded})  # type: ignore[typeddict-item]
