"""How messages are read."""

from models.offline.examples import examples_in
from models.offline.parse import parse

MESSAGE = '''## Task
```python
import math

def area(width: int, height: int) -> int:
    """Return the area.

    >>> area(2, 3)
    6
    """
```
Entry point: `area`

## Examples
```python
assert area(4, 5) == 20
```

## Memories
### Memory 3f2a (procedural, similarity 0.82): squares
```python
def square(x):
    return x * x
```

### Memory 77aa (semantic, similarity 0.10): areas are never negative

## Feedback
### Attempt 1
```python
def area(w, h):
    return w
```
assert area(4, 5) == 20 failed: got 4
'''


def test_the_signature_keeps_its_annotations() -> None:
    signature = parse("", MESSAGE).signature
    assert signature is not None
    assert signature.header == "def area(width: int, height: int) -> int:"
    assert signature.params == ("width", "height")


def test_listed_examples_come_before_those_of_the_docstring() -> None:
    assert [(e.args, e.expected) for e in parse("", MESSAGE).examples] == [((4, 5), 20), ((2, 3), 6)]


def test_memories_have_id_similarity_text_and_perhaps_code() -> None:
    first, second = parse("", MESSAGE).memories
    assert (first.memory_id, first.similarity, first.text) == ("3f2a", 0.82, "squares")
    assert "return x * x" in first.code
    assert second.code == ""


def test_attempts_come_with_what_happened_to_them() -> None:
    (attempt,) = parse("", MESSAGE).attempts
    assert "return w" in attempt.code
    assert attempt.outcome == "assert area(4, 5) == 20 failed: got 4"


def test_skills_are_a_section_of_the_system_message() -> None:
    assert "prefer sum" in parse("Write Python.\n\n## Skills\n- when total: prefer sum", MESSAGE).skills


def test_headings_inside_of_fenced_code_are_code() -> None:
    text = MESSAGE.replace("import math", "## Memories\nimport math")
    assert len(parse("", text).memories) == 2


def test_prose_with_an_entry_point_and_examples_is_enough() -> None:
    text = (
        "## Task\nWrite a python function to add.\nEntry point: `add`\n\n"
        "## Examples\n```python\nassert add(1, 2) == 3\n```"
    )
    signature = parse("", text).signature
    assert signature is not None
    assert signature.header == "def add(a, b):"


def test_people_write_examples_in_many_ways() -> None:
    text = "f(1) -> 2\nf(2) ==> 3.\nf([3]) returns [4]\nassert f('a') == ('b', None)\n>>> f(5)\n6\n"
    text += "assert not f(7)\nf(8) = 2 * 4"
    assert [e.expected for e in examples_in(text, "f")] == [2, 3, [4], ("b", None), 6, False, 8]


def test_a_doctest_that_shows_nothing_expects_none() -> None:
    (example,) = examples_in(">>> first([])\n\n>>> other(1)\n2", "first")
    assert example.expected is None


def test_unreasonable_literals_are_no_examples() -> None:
    assert examples_in("assert f(9 ** 9 ** 9) == 1\nassert f('a' * 10 ** 9) == 2\nassert f(x) == 3", "f") == []
