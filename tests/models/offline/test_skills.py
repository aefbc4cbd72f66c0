"""Skill lines and feedback."""

import pytest

from models.offline.bank import Budget
from models.offline.parse import parse
from models.offline.skills import parse_skills, price_changes
from models.offline.solve import Solution, solve

# Both the first and the smallest item fit these examples.
AMBIGUOUS = '''## Task
```python
def pick(xs: list[int]) -> int:
    """Pick the glimmering one."""
```

## Examples
```python
assert pick([2, 7, 50]) == 2
assert pick([11, 80]) == 11
assert pick([13, 85]) == 13
```
'''


def pick(skills: str = "", feedback: str = "") -> Solution:
    return solve(parse(f"Write Python.\n\n## Skills\n{skills}", AMBIGUOUS + feedback), Budget(20_000))


def test_a_skill_decides_between_programs_that_fit() -> None:
    answers = {pick(f"- when glimmering: prefer {name}(+3)").code for name in ("min", "first")}
    assert len(answers) == 2


def test_only_lines_without_which_the_answer_differs_are_called_used() -> None:
    default = pick()
    other = "first" if "min(" in default.code else "min"
    line = f"- when glimmering: prefer {other}(+3)"
    assert pick(line).skills_used == [line]
    assert pick("- when elephants: prefer max").skills_used == []


@pytest.mark.parametrize(
    "line",
    [
        "- when total: prefer sum",
        '- when "sum of": prefer sum(+2), add; avoid max',
        "- when in:list[int]: avoid sort",
        "- when out:str: prefer join(+3)",
        "- when ar:2: prefer zip",
    ],
)
def test_the_grammar_has_words_phrases_and_features(line: str) -> None:
    assert [skill.line for skill in parse_skills(line).known] == [line]


LUCKY = '''## Task
```python
def lucky_total(numbers: list[int]) -> int:
    """Return the total of the lucky numbers."""
```

## Examples
```python
assert lucky_total([7, 3, 14, 20, 9]) == 21
assert lucky_total([1, 70, 35, 36, 22]) == 105
assert lucky_total([5, 77, 8, 9, 700, 3]) == 777
```
'''
MEANING = "- when lucky: use (a: int) a % 7 == 0  # 1 of 1"


def test_a_line_that_says_what_a_word_means_makes_a_composition_found_that_is_out_of_reach_without_it() -> None:
    without, told = (solve(parse(f"Write Python.\n\n## Skills\n{s}", LUCKY), Budget(500)) for s in ("", MEANING))

    assert without.code == ""
    assert "% 7 == 0" in told.code
    assert told.skills_used == [MEANING]
    assert told.memories_used == []


def test_a_meaning_counts_only_where_its_word_is() -> None:
    other = MEANING.replace("lucky", "gloomy")
    assert solve(parse(f"Write Python.\n\n## Skills\n{other}", LUCKY), Budget(500)).code == ""


@pytest.mark.parametrize(
    "line",
    [
        "- when lucky: use a % 7 == 0",
        "- when lucky: use (number: int) number % 7 == 0",
        "- when lucky: use (a: int) a %",
        "- when lucky: use () 7",
        "- when lucky: use (a: int) " + "1 + " * 60 + "a",
    ],
)
def test_a_meaning_is_an_expression_over_a_b_c_and_no_longer_than_a_line(line: str) -> None:
    assert parse_skills(line).ignored == 1


def test_a_meaning_that_reaches_for_the_system_is_not_run() -> None:
    line = "- when lucky: use (a: int) __import__('os').getpid() > a"
    assert solve(parse(f"Write Python.\n\n## Skills\n{line}", LUCKY), Budget(500)).code == ""


def test_lines_that_are_no_skills_are_counted() -> None:
    skills = parse_skills("Always think first.\n- when x prefer y\n- when x: love y\n\n- when total: prefer sum")
    assert (len(skills.known), skills.ignored) == (1, 3)


def test_bonuses_add_up_to_a_limit() -> None:
    skills = parse_skills("- when a: prefer sum(+2)\n- when b: prefer sum(+2)\n- when c: avoid max")
    assert price_changes(skills.known) == {"sum": -3, "max": 3}


def test_an_answer_that_failed_is_not_given_again() -> None:
    first = pick()
    attempt = f"\n## Feedback\n### Attempt 1\n```python\n{first.code}```\n1 of 3 hidden tests failed: wrong answer\n"
    assert pick(feedback=attempt).code not in ("", first.code)


def test_a_failing_assert_in_the_feedback_is_one_more_example() -> None:
    outcome = "\n## Feedback\n### Attempt 1\n```python\nx = 1\n```\nassert pick([19, 3]) == 3 failed: got 19\n"
    assert "min(" in pick(feedback=outcome).code or "sorted(" in pick(feedback=outcome).code
