"""Skill lines from experience: which components solve tasks that speak of a word, or have arguments of a kind.

It counts: a line says for how many of the solved tasks with the word the component was in the program.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log2
from typing import Final

from models.offline.concepts import Concept, concepts_in
from models.offline.fences import fenced
from models.offline.parse import parse
from models.offline.problem import problem_of
from models.offline.recognise import components_in
from models.offline.skills import MAX_BONUS
from models.offline.values import kind_of
from models.offline.words import stem, words_in

_SOLVED: Final = re.compile(r"^### Solved \d+[ \t]*$", re.MULTILINE)
_HEADING: Final = re.compile(r"^#### (Task|Examples|Program)[ \t]*$", re.MULTILINE)
MAX_SOLVED: Final = 500
MIN_TASKS: Final = 2
MIN_SHARE: Final = 0.5
WORDS_OF_A_CONCEPT: Final = 3
"""Words that tell equally well where it occurs: which of them is the one, more tasks will show."""
MIN_LIFT: Final = 2.0
"""How much more often than in all tasks the component must be in programs for tasks with the feature."""


@dataclass(frozen=True)
class Solved:
    """A task that was solved: its human message, and the components of the program."""

    message: str
    components: Sequence[str]
    concepts: Sequence[Concept] = ()
    """What its expressions are."""


def experience_in(human: str) -> list[Solved]:
    """Read solved tasks from the human message that asks for reflection; docs/offline.md has the format."""
    experience = []
    for part in _SOLVED.split(human)[1 : MAX_SOLVED + 1]:
        task, _, program = _HEADING.sub(r"## \1", part).partition("\n## Program")
        for block in fenced(program)[:1]:
            experience.append(Solved(task, components_in(block.code), concepts_in(block.code)))
    return experience


def skill_lines(experience: Sequence[Solved], limit: int = 40) -> list[str]:
    """Return at most `limit` skill lines, those with the most evidence first, ties by text."""
    total: Counter[str] = Counter(name for solved in experience for name in set(solved.components))
    with_feature: Counter[str] = Counter()
    together: dict[str, Counter[str]] = defaultdict(Counter)
    for solved in experience:
        for feature in sorted(set(_features(solved.message))):
            with_feature[feature] += 1
            together[feature].update(set(solved.components))
    lines = []
    for feature, names in together.items():
        n = with_feature[feature]
        for name, k in names.items():
            lift = (k / n) / (total[name] / len(experience))
            if _is_evidence(k, n) and lift >= MIN_LIFT:
                bonus = min(MAX_BONUS, max(1, round(log2(lift))))
                lines.append((-k * log2(lift), f"- when {feature}: prefer {name}(+{bonus})  # {k} of {n}"))
    return [line for _, line in sorted(lines)[:limit]]


def _is_evidence(k: int, n: int) -> bool:
    return k >= MIN_TASKS and k / n >= MIN_SHARE


def concept_lines(experience: Sequence[Solved], limit: int = 120) -> list[str]:
    """Return at most `limit` lines that say what words mean, those with the most evidence first, ties by text.

    Every expression of a solved program goes with the word that tells best where it occurs: by the share of the tasks
    with the word that have it, times the share of the tasks that have it with the word.
    """
    with_word: Counter[str] = Counter()
    together: dict[Concept, Counter[str]] = defaultdict(Counter)
    total: Counter[Concept] = Counter()
    for solved in experience:
        words = sorted({feature for feature in _features(solved.message) if ":" not in feature})
        with_word.update(words)
        total.update(set(solved.concepts))
        for concept in sorted(set(solved.concepts)):
            together[concept].update(words)
    found = []
    for concept, words_of in together.items():
        shares = {word: k * k / (with_word[word] * total[concept]) for word, k in words_of.items()}
        best = sorted(shares, key=lambda word: (-shares[word], with_word[word], word))[:WORDS_OF_A_CONCEPT]
        for word in best:
            k, n = words_of[word], with_word[word]
            if k / n >= MIN_SHARE and shares[word] == shares[best[0]]:
                found.append((-shares[word] * k, f"- when {word}: use {concept}  # {k} of {n}"))
    return [line for _, line in sorted(found)[:limit]]


def _features(message: str) -> Iterator[str]:
    """Yield conditions of the skill grammar that a task meets."""
    request = parse("", message)
    stems = set(words_in(request.text))
    shortest: dict[str, str] = {}
    for word in sorted(re.findall(r"[a-z]{3,}", request.text.lower()), key=lambda w: (len(w), w)):
        if stem(word) in stems:
            shortest.setdefault(stem(word), word)
    yield from shortest.values()
    problem = problem_of(request)
    if problem is not None:
        yield f"out:{kind_of(problem.outputs)[0]}"
        yield from (f"in:{kind_of([i[n] for i in problem.inputs])[0]}" for n in range(len(problem.params)))
