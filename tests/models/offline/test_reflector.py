"""Skill lines from experience."""

from models.offline.concepts import concepts_in
from models.offline.reflector import Solved, concept_lines, skill_lines
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


def solved(text: str, example: str, body: str) -> Solved:
    return Solved(task(text, example), [], concepts_in(f"def f(x: list[int]):\n    return {body}\n"))


def test_a_word_means_what_its_tasks_have_in_common() -> None:
    lines = concept_lines(
        [
            solved("Lucky ones.", "[7, 1]) == [7]", "[n for n in x if n % 7 == 0]"),
            solved("Total of lucky ones.", "[7, 1]) == 7", "sum(n for n in x if n % 7 == 0)"),
            solved("Spread of it.", "[7, 1]) == 6", "max(x) - min(x)"),
            solved("Spread of big ones.", "[7, 1]) == 0", "max(n for n in x if n > 5)"),
        ]
    )
    assert lines[0] == "- when lucky: use (a: int) a % 7 == 0  # 2 of 2"
    assert "- when big: use (a: int) a > 5  # 1 of 1" in lines
    assert parse_skills("\n".join(lines)).ignored == 0


def test_a_whole_program_of_several_steps_is_no_meaning() -> None:
    code = "def f(x: list[int]):\n    return sorted([n for n in x if n % 7 == 0])\n"
    assert [str(concept) for concept in concepts_in(code)] == ["(a: int) a % 7 == 0"]
    assert concepts_in("def f(x):\n    return g(x)\n\ndef g(x):\n    return x + 1\n") == []
