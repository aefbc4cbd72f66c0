import pytest

from tasks.describe import described

PROMPT = 'def add(a: int, b: int) -> int:\n    """Add two numbers.\n\n    >>> add(1, 2)\n    3\n    """\n'


@pytest.mark.parametrize(
    ("prompt", "entry_point", "description"),
    [
        (PROMPT, "add", "add: Add two numbers."),
        (PROMPT, "", PROMPT.split(">>>")[0].strip()),
        ("Read two numbers and print their sum.", "", "Read two numbers and print their sum."),
        ("Write a function that adds.", "add", "add: Write a function that adds."),
    ],
)
def test_a_task_is_described_by_its_name_if_it_has_one_and_what_it_says_without_examples(
    prompt: str, entry_point: str, description: str
) -> None:
    assert described(prompt, entry_point) == description
