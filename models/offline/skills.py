"""Skill lines: hints in the prompt that make components cheaper or dearer.

One line each:  - when CONDITION: prefer NAME, NAME(+2); avoid NAME  # a remark
or              - when CONDITION: use (a: int) a % 7 == 0  # a remark
CONDITION is a word, a "phrase in quotes", in:KIND, out:KIND (kinds as `list[int]`) or ar:N (number of arguments).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from models.offline.concepts import Concept, read_concept
from models.offline.problem import Problem
from models.offline.values import kind_of
from models.offline.words import stem

MAX_LINES: Final = 200
MAX_BONUS: Final = 3
AVOIDED: Final = 3
_CONDITION: Final = r'"[^"\n]{1,80}"|(?:in|out|ar):\S{1,40}|[A-Za-z][\w-]{0,40}'
_LINE: Final = re.compile(
    rf"- when (?P<condition>{_CONDITION}): (?P<effects>[^\s#][^\n#]{{0,400}}?)(?:\s+#.*)?",
)
_USE: Final = re.compile(rf"- when (?P<condition>{_CONDITION}): use (?P<concept>\(.{{1,400}})")
_EFFECT: Final = re.compile(r"(?P<verb>prefer|avoid) (?P<names>.+)")
_NAME: Final = re.compile(r"(?P<name>[A-Za-z_]\w{0,60})(?:\(\+(?P<bonus>[1-9])\))?")


@dataclass(frozen=True)
class Skill:
    """One skill line: when it applies, and by how much it changes the cost of which component."""

    line: str
    condition: str
    changes: tuple[tuple[str, int], ...]
    """(component, change of its cost): negative for preferred ones."""
    concept: Concept | None = None
    """An expression that becomes a component where the line applies."""


@dataclass
class Skills:
    """The skill lines of a prompt."""

    known: list[Skill] = field(default_factory=list)
    ignored: int = 0
    """Lines that are no skill lines."""

    def without(self, lines: Iterable[str]) -> "Skills":
        """Return the same skills but for some lines."""
        dropped = set(lines)
        return Skills([skill for skill in self.known if skill.line not in dropped], self.ignored)


def parse_skills(text: str) -> Skills:
    """Read skill lines; what is not one is counted and otherwise ignored."""
    skills = Skills()
    for line in [line.strip() for line in text.splitlines() if line.strip()][:MAX_LINES]:
        skill = _parsed(line)
        if skill:
            skills.known.append(skill)
        else:
            skills.ignored += 1
    return skills


def _parsed(line: str) -> Skill | None:
    use = _USE.fullmatch(line)
    if use:
        concept = read_concept(use["concept"])
        return Skill(line, use["condition"], (), concept) if concept else None
    found = _LINE.fullmatch(line)
    if not found:
        return None
    changes: list[tuple[str, int]] = []
    for part in found["effects"].split(";"):
        read = _read_effect(part.strip())
        if read is None:
            return None
        changes += read
    return Skill(line, found["condition"], tuple(changes))


def _read_effect(text: str) -> list[tuple[str, int]] | None:
    effect = _EFFECT.fullmatch(text)
    if effect is None:
        return None
    names = [_NAME.fullmatch(name.strip()) for name in effect["names"].split(",")]
    if not all(names):
        return None
    prefer = effect["verb"] == "prefer"
    return [(name["name"], -min(int(name["bonus"] or 1), MAX_BONUS) if prefer else AVOIDED) for name in names if name]


def applying(skills: Skills, words: frozenset[str], text: str, problem: Problem) -> list[Skill]:
    """Return the skills whose condition the task meets, in the order of the prompt."""
    kinds = {f"in:{kind_of([i[n] for i in problem.inputs])[0]}" for n in range(len(problem.params))}
    features = kinds | {f"out:{kind_of(problem.outputs)[0]}", f"ar:{len(problem.params)}"}
    lowered = text.lower()
    return [skill for skill in skills.known if _holds(skill.condition, features, words, lowered)]


def _holds(condition: str, features: set[str], words: frozenset[str], text: str) -> bool:
    if condition.startswith('"'):
        return condition.strip('"').lower() in text
    if condition.startswith(("in:", "out:", "ar:")):
        return condition in features
    return stem(condition.lower()) in words


def price_changes(skills: Sequence[Skill]) -> dict[str, int]:
    """Sum up what skills do to each component's cost; a bonus is at most MAX_BONUS in all."""
    total: dict[str, int] = {}
    for skill in skills:
        for name, change in skill.changes:
            total[name] = max(-MAX_BONUS, total.get(name, 0) + change)
    return total
