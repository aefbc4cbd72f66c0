"""Skill lines from experience."""

from models.offline.reflector import Solved, skill_lines
from models.offline.skills import parse_skills


def task(text: str, example: str) -> str:
    return f'## Task\n```python\ndef f(x):\n    """{text}"""\n```\n\n## Examples\n```python\nassert f({example}\n```\n'


EXPERIENCE = [
    Solved(task("The glimmering one.", "[1, 2]) == 1"), ["min"]),
    Solved(task("Glimmering, then doubled.", "[1, 2]) == 2"), ["min", "double"]),
    Solved(task("Shout it.", "'a') == 'A'"), ["upper"]),
    Solved(task("Shout the whole.", "'b c') == 'B C'"), ["upper"]),
    Solved(task("Something else.", "3) == 4"), ["plus_one"]),
]


def test_words_that_go_with_a_component_become_lines_with_counts() -> None:
    lines = skill_lines(EXPERIENCE)
    assert "- when glimmering: prefer min(+1)  # 2 of 2" in lines
    assert not any("plus_one" in line for line in lines)


def test_every_line_follows_the_grammar() -> None:
    skills = parse_skills("\n".join(skill_lines(EXPERIENCE)))
    assert skills.known
    assert skills.ignored == 0


def test_the_same_experience_gives_the_same_lines() -> None:
    assert skill_lines(EXPERIENCE, limit=3) == skill_lines(list(EXPERIENCE), limit=3)
