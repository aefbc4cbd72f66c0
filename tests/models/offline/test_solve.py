"""What the search finds."""

import pytest

from models.offline.bank import Budget
from models.offline.parse import parse
from models.offline.solve import Solution, solve

BUDGET = 20_000


def ask(
    signature: str, text: str, examples: str, *, system: str = "", more: str = "", budget: int = BUDGET
) -> Solution:
    task = (
        f'## Task\n```python\n{signature}\n    """{text}"""\n```\n\n## Examples\n```python\n{examples}\n```\n\n{more}'
    )
    return solve(parse(system, task), Budget(budget))


def run(solution: Solution, call: str) -> object:
    names: dict[str, object] = {}
    exec(solution.code, names)
    return eval(call, names)


@pytest.mark.parametrize(
    ("signature", "text", "examples", "call", "expected"),
    [
        (
            "def f(xs: list[int]) -> int:",
            "Sum of the even numbers.",
            "assert f([1, 2, 4]) == 6\nassert f([3, 8]) == 8\nassert f([5]) == 0",
            "f([6, 7, 10])",
            16,
        ),
        (
            "def f(xs: list[int]) -> list[int]:",
            "Keep what ends in 7.",
            "assert f([7, 8, 17, 71]) == [7, 17]\nassert f([27, 2, 70]) == [27]",
            "f([37, 73, 107])",
            [37, 107],
        ),
        (
            "def f(words: list[str]) -> list[str]:",
            "Mark the words.",
            "assert f(['a', 'bc']) == ['#a', '#bc']\nassert f(['x']) == ['#x']",
            "f(['yes', 'no'])",
            ["#yes", "#no"],
        ),
        (
            "def f(rows: list[dict[str, int]]) -> list[int]:",
            "Bill the rows.",
            "assert f([{'price': 2, 'count': 3}, {'price': 5, 'count': 1}]) == [6, 5]\n"
            "assert f([{'price': 7, 'count': 2}]) == [14]",
            "f([{'price': 9, 'count': 9}])",
            [81],
        ),
        (
            "def f(s: str) -> bool:",
            "Is it a palindrome, ignoring case?",
            "assert f('Aba') == True\nassert f('abc') == False\nassert f('Abca') == False",
            "f('Level')",
            True,
        ),
        (
            "def f(dates: list[str]) -> list[str]:",
            "Without the dashes.",
            "assert f(['2024-01-02', '1999-12-31']) == ['20240102', '19991231']\n"
            "assert f(['2000-01-10']) == ['20000110']",
            "f(['2011-03-04'])",
            ["20110304"],
        ),
    ],
)
def test_small_tasks_are_solved_by_search(
    signature: str, text: str, examples: str, call: str, expected: object
) -> None:
    assert run(ask(signature, text, examples), call) == expected


def test_nothing_is_invented_when_nothing_fits() -> None:
    solution = ask(
        "def f(x: int) -> str:", "Riddle.", "assert f(1) == 'qjzv'\nassert f(2) == 'wmpk'\nassert f(3) == 'xx'"
    )
    assert (solution.code, solution.candidates) == ("", BUDGET)


def test_the_budget_is_never_exceeded() -> None:
    assert (
        ask("def f(x: int) -> str:", "Riddle.", "assert f(1) == 'q'\nassert f(2) == 'w'", budget=777).candidates <= 777
    )


def test_empty_cases_are_split_off() -> None:
    examples = "assert f([]) == None\nassert f([4, 9]) == 13\nassert f([5, 1, 2]) == 8"
    solution = ask("def f(xs: list[int]) -> int | None:", "The sum, None for nothing.", examples)
    assert (run(solution, "f([])"), run(solution, "f([1, 1])")) == (None, 2)


def test_two_branches_need_examples_for_both() -> None:
    examples = "\n".join(f"assert f({n}) == {n // 2 if n % 2 == 0 else n * 100}" for n in (2, 3, 4, 5, 8, 9))
    solution = ask("def f(n: int) -> int:", "Half of an even number, else a hundred times it.", examples)
    assert [run(solution, f"f({n})") for n in (10, 11)] == [5, 1100]


def test_a_parameter_may_hide_a_builtin_that_the_program_needs() -> None:
    examples = "assert f([1, 5]) == 6\nassert f([2, 2, 3]) == 7"
    assert run(ask("def f(sum: list[int]) -> int:", "The total.", examples), "f([4, 4])") == 8


def test_imports_and_helpers_are_part_of_the_program() -> None:
    examples = "assert f([4, 7, 9, 11]) == [7, 11]\nassert f([1, 2]) == [2]"
    solution = ask("def f(xs: list[int]) -> list[int]:", "Keep the primes.", examples)
    assert "def is_prime" in solution.code
    assert run(solution, "f([13, 15])") == [13]


def test_an_int_is_no_bool_to_the_search() -> None:
    solution = ask("def f(x: int) -> bool:", "Is it one?", "assert f(1) == True\nassert f(0) == False")
    assert run(solution, "f(1)") is True


def test_functions_that_the_task_defines_before_are_components() -> None:
    given = "def twist(n: int) -> int:\n    for _ in range(3):\n        n = n * 7 % 101\n    return n\n\n\n"
    examples = "assert f([1, 2]) == [40, 80]\nassert f([5, 10]) == [99, 97]"
    solution = ask(given + "def f(xs: list[int]) -> list[int]:", "Twist each.", examples)
    assert "def twist" in solution.code
    assert (run(solution, "f([3])"), solution.memories_used) == ([3 * 343 % 101], [])


def test_imports_that_the_signature_needs_are_kept() -> None:
    signature = "from collections.abc import Sequence\nimport os\n\n\ndef f(xs: Sequence[int]) -> int:"
    solution = ask(signature, "The total.", "assert f([1, 5]) == 6\nassert f([2, 2, 3]) == 7")
    assert solution.code.startswith("from collections.abc import Sequence\n\n\ndef f(")
