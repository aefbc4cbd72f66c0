"""Retrieved code as components."""

import pytest

from models.offline.bank import Budget
from models.offline.fuel import Fuel, OutOfFuelError, RefusedCodeError, checked, load
from models.offline.memories import library, parts_of
from models.offline.parse import MemoryBlock, parse
from models.offline.solve import Solution, solve

LUCKY = "def lucky(xs: list[int]) -> list[int]:\n    return [x for x in xs if x % 13 in (3, 5)]"
MIRROR = "def mirror(xs: list[int]) -> list[int]:\n    return [int(str(x)[::-1]) for x in xs]"
TASK = '''## Task
```python
def solve(xs: list[int]) -> int:
    """Sum of the mirror images of the lucky numbers."""
```

## Examples
```python
assert solve([16, 18, 20, 31]) == 155
assert solve([42, 44, 1]) == 68
assert solve([2, 29]) == 92
```
'''


def with_memories(*codes: str) -> Solution:
    blocks = [
        f"### Memory m{n} (procedural, similarity 0.7): numbers\n```python\n{code}\n```" for n, code in enumerate(codes)
    ]
    return solve(parse("", TASK + "\n## Memories\n" + "\n\n".join(blocks)), Budget(20_000))


def test_what_search_alone_cannot_find_is_found_with_memories() -> None:
    assert with_memories().code == ""
    solution = with_memories(LUCKY, MIRROR)
    assert solution.memories_used == ["m0", "m1"]
    names: dict[str, object] = {}
    exec(solution.code + "\nanswer = solve([55, 57, 60])", names)
    assert names["answer"] == 130


def test_the_condition_of_a_comprehension_is_a_component_of_its_own() -> None:
    (part,) = parts_of(checked(LUCKY).body[0])  # type: ignore[arg-type]
    assert (part.source, part.patterns) == ("a % 13 in (3, 5)", ("I",))


def test_a_memory_named_like_the_entry_point_gets_another_name() -> None:
    memory = MemoryBlock("ab12", 0.9, "text", "def solve(x: int) -> int:\n    return x + 41")
    (component,) = library([memory], frozenset(), {"solve", "x"}).whole
    assert component.name == "solve_ab12"
    assert "def solve_ab12" in component.source


@pytest.mark.parametrize(
    "code",
    [
        "import os\ndef f(x):\n    return os.getcwd()",
        "def f(x):\n    return open('secrets').read()",
        "def f(x):\n    return x.__class__.__mro__",
        "def f(",
        "class A:\n    pass",
        "while True:\n    pass",
    ],
)
def test_code_that_reaches_for_the_system_is_no_component(code: str) -> None:
    shelf = library([MemoryBlock("m", 0.9, "", code)], frozenset(), set())
    assert (shelf.whole, shelf.refused) == ([], 1)


@pytest.mark.parametrize(
    "body",
    ["while True: pass", "return f(x)", "return [y for y in range(10**12)]", "return 'a' * 10**9", "return 9**99**9"],
)
def test_code_that_would_never_end_runs_out_of_fuel(body: str) -> None:
    function = load(checked(f"def f(x):\n    {body}"), Fuel())["f"]
    with pytest.raises((OutOfFuelError, RecursionError)):
        function(1)


def test_a_function_one_step_away_is_found_as_a_variant() -> None:
    loop = "    best = 0\n    for x in xs:\n        best = best * 31 + x\n    return best"
    known = f"def solve(xs: list[int]) -> int:\n{loop}"
    task = "def solve(xs: list[int]) -> int:\n    'Horner of 17.'"
    values = [([1, 2], 19), ([3, 1, 4], 888), ([2], 2)]
    examples = "\n".join(f"assert solve({xs}) == {value}" for xs, value in values)
    message = (
        f"## Task\n```python\n{task}\n```\n\n## Examples\n```python\n{examples}\n```\n\n"
        f"## Memories\n### Memory h31 (procedural, similarity 0.7): Horner\n```python\n{known}\n```\n"
    )
    solution = solve(parse("", message), Budget(20_000))
    assert "best * 17" in solution.code
    assert solution.memories_used == ["h31"]


def test_code_that_changes_its_argument_changes_a_copy() -> None:
    solution = with_memories(LUCKY, MIRROR, "def lucky_mirror(xs: list[int]) -> int:\n    xs.clear()\n    return 0")
    assert solution.memories_used == ["m0", "m1"]


def test_a_module_that_fails_at_import_is_refused() -> None:
    with pytest.raises(RefusedCodeError):
        load(checked("y = 1 / 0\ndef f(x):\n    return x"), Fuel())
