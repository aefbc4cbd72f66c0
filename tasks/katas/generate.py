"""Make the katas: `python -m tasks.katas.generate` rewrites katas.jsonl, always with the same content.

Every kata's visible examples are mutation-adequate: leaving out any of its concepts gives another answer on one of
them, and so does every near mutant (another concept of the family, one more, a constant or a comparison off by one)
that any random input tells apart.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeAlias, cast

from state.errors import RatchetError
from tasks.katas.combine import Combination, ablations_of, codes_of, combinations_of, mutants_of, program_of
from tasks.katas.concepts import FAMILIES, Family, Kind
from tasks.katas.phrasing import prompt_of
from tasks.katas.things import LEAST_KEPT, MOST_KEPT, Thing, draw_things
from tasks.telling import telling

FILE = Path(__file__).parent / "katas.jsonl"
SEED = 2026
POOL = 60  # random inputs from which the tests of one kata are chosen
VISIBLE = 3
HIDDEN = 6
COUNTS = {"train": {1: 99, 2: 4}, "validation": {2: 2, 3: 1}, "test": {2: 5, 3: 6}}
"""Katas of each family by split and level; 99: all that there are."""


Line: TypeAlias = dict[str, object]


class Given(NamedTuple):
    """The arguments of one call."""

    things: str | list[Thing]
    extra: tuple[int, ...]

    @property
    def arguments(self) -> tuple[object, ...]:
        """Return them in the order of the parameters."""
        return (self.things, *self.extra)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Inputs of a kata, what it answers, and for each mutant the inputs that tell it apart."""

    inputs: Sequence[Given]
    answers: Sequence[object]
    killed_by: Sequence[frozenset[int]]


def katas(seed: int = SEED) -> Iterator[Line]:
    """Yield the task lines of every family, split by split; another seed gives other combinations and examples."""
    for family in FAMILIES:
        chosen: set[str] = set()
        for split, levels in COUNTS.items():
            for level, count in levels.items():
                yield from _some(family, split, level, Quota(seed, count), chosen)


class Quota(NamedTuple):
    """How many katas are drawn, and from which seed."""

    seed: int
    katas: int


def _some(family: Family, split: str, level: int, quota: Quota, chosen: set[str]) -> Iterator[Line]:
    candidates = [c for c in combinations_of(family, level) if c.key not in chosen]
    if level > 1:
        Random(f"{quota.seed}:{family.name}:{split}:{level}").shuffle(candidates)
    made = 0
    for combination in candidates:
        line = _line(combination, split, quota.seed) if made < quota.katas else None
        if line:
            made += 1
            chosen.add(combination.key)
            yield line
    if made < quota.katas and level > 1:
        raise RatchetError(f"{family.name}: only {made} of {quota.katas} katas of level {level} for {split}")


def _line(combination: Combination, split: str, seed: int) -> Line | None:
    """Return the task line of a combination, or None when no three examples can tell all its concepts."""
    random = Random(f"{seed}:{combination.family.name}:{combination.key}")
    pool = _pool(combination, random)
    visible = _telling(pool) if pool else None
    if pool is None or visible is None:
        return None
    hidden = [number for number in range(POOL) if number not in visible][:HIDDEN]
    return {
        "task_id": f"katas/{combination.family.name.replace(' ', '_')}/{combination.key}",
        "prompt": prompt_of(combination, random),
        "entry_point": combination.key,
        "examples": [_test(pool.inputs[number], pool.answers[number]) for number in visible],
        "tests": [_test(pool.inputs[number], pool.answers[number]) for number in hidden],
        "reference": program_of(combination, codes_of(combination)),
        "split": split,
        "tags": [combination.family.name, f"level {combination.level}"],
    }


def _pool(combination: Combination, random: Random) -> Pool | None:
    """Draw inputs and run the kata and its mutants on them; None when one of its concepts makes no difference."""
    inputs = [_given(combination, random) for _ in range(POOL)]
    answers = _answers(combination, codes_of(combination), inputs)

    def killers(mutants: Sequence[Mapping[Kind, str]]) -> list[frozenset[int]]:
        return [_differing(answers, _answers(combination, codes, inputs)) for codes in mutants]

    ablated = killers(ablations_of(combination))
    if not all(ablated) or len({repr(answer) for answer in answers}) <= VISIBLE:
        return None
    if combination.concept("map") and _only_counts(inputs, answers):
        return None
    mutated = [killed for killed in killers(mutants_of(combination)) if killed]
    return Pool(inputs=inputs, answers=answers, killed_by=[*ablated, *mutated])


def _only_counts(inputs: Sequence[Given], answers: Sequence[object]) -> bool:
    """Tell whether the answers for one length of input are as few as its counts of kept things: no more matters."""
    by_length: dict[int, set[str]] = {}
    for given, answer in zip(inputs, answers, strict=True):
        by_length.setdefault(len(given.things), set()).add(repr(answer))
    return max(map(len, by_length.values())) <= MOST_KEPT - LEAST_KEPT + 1


def _given(combination: Combination, random: Random) -> Given:
    family, kept = combination.family, combination.concept("filter")
    base = random.randint(4, 20)
    names: dict[str, object] = {family.extra: base}
    is_kept = _function(f"import math\ndef f(x): return {kept.code}", "f", names) if kept else None
    things = draw_things(random, family.name, is_kept)
    return Given("".join(map(str, things)) if family.is_text else things, (base,) if family.extra else ())


def _answers(combination: Combination, codes: Mapping[Kind, str], inputs: Sequence[Given]) -> list[object]:
    """Return the answers of a program; a mutant that raises answers with the name of what it raised."""
    function = _function(program_of(combination, codes), combination.key, {})
    answers: list[object] = []
    for given in inputs:
        try:
            answers.append(function(*given.arguments))
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            answers.append(type(error).__name__)
    return answers


def _function(program: str, name: str, names: dict[str, object]) -> Callable[..., bool]:
    exec(program, names)  # noqa: S102 our own concepts, put together
    return cast("Callable[..., bool]", names[name])


def _differing(answers: Sequence[object], others: Sequence[object]) -> frozenset[int]:
    return frozenset(n for n, (a, b) in enumerate(zip(answers, others, strict=True)) if repr(a) != repr(b))


def _telling(pool: Pool) -> list[int] | None:
    """Choose the visible examples: together they tell every mutant apart that the whole pool tells apart.

    Where several serve equally well, one with a new answer and a new length is taken: it leaves less to coincidence.
    """
    return telling(POOL, pool.killed_by, VISIBLE, lambda number, chosen: _novelty(number, chosen, pool))


def _novelty(number: int, chosen: Sequence[int], pool: Pool) -> int:
    """Return how much of answer and length (0, 1 or 2 of them) no chosen example has."""
    answer, length = repr(pool.answers[number]), len(pool.inputs[number].things)
    return all(repr(pool.answers[n]) != answer for n in chosen) + all(
        len(pool.inputs[n].things) != length for n in chosen
    )


def _test(given: Given, answer: object) -> Line:
    """Return a test in JSON values, or in Python literals where these would lose a tuple."""
    plain = [list(given.arguments), answer]
    if repr(json.loads(json.dumps(plain))) == repr(plain):
        return {"args": plain[0], "expected": answer}
    return {"args_literal": repr(given.arguments), "expected_literal": repr(answer)}


def text(seed: int = SEED) -> str:
    """Return the content of the file."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in katas(seed))


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
