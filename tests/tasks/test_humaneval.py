import ast

import pytest

from tasks.build import finish
from tasks.docstrings import examples_of
from tasks.humaneval import HumanEvalLine


def examples(*lines: str, header: str = "def f(n, k=0):", before: str = "") -> list[str]:
    docstring = "\n    ".join(lines)
    module = ast.parse(f'{before}\n{header}\n    """Do it.\n\n    {docstring}\n    """\n')
    found = examples_of(module, "f")
    return [f"{test['args']} {test['expected']}" if test["kind"] == "call" else test["code"] for test in found]


@pytest.mark.parametrize(
    "form",
    [
        "f(2) == 4",
        "f(2) = 4",
        "f(2) -> 4",
        "f(2) ➞ 4",
        "f(2) => 4  # two times two",
        "* f(2) ==> 4",
        "f(2) returns 4",
        "f(2) should return 4.",
        "f(2) is 4, because 2 + 2 is 4",
        "f(2)   # returns 4",
        ">>> f(2)\n    4",
        ">>> f(2) == 4",
        "assert f(2) == 4",
    ],
)
def test_an_example_is_found_in_every_usual_form(form: str) -> None:
    assert examples(form) == ["(2,) 4"]


def test_named_inputs_are_put_in_the_order_of_the_parameters() -> None:
    assert examples("For n = [1, 2], k = 3 the output should be 'x'") == ["([1, 2], 3) 'x'"]
    assert examples("Input:", "   n : (1, 2)", "   k : None", "Output: True") == ["((1, 2), None) True"]
    assert examples("Input: 12", "Output: (4, 6)", header="def f(n):") == ["(12,) (4, 6)"]


def test_inputs_that_do_not_match_the_parameters_are_left_out() -> None:
    assert examples("For x = 1 the output should be 2", "Input: 1", "Output: 2") == []


def test_values_may_span_lines_and_words_of_other_languages_are_read() -> None:
    assert examples("f([[1],", "   [2]]) == [[2],", "   [1]]") == ["([[1], [2]],) [[2], [1]]"]
    assert examples("f(1) => true", "f(2) => null") == ["(1,) True", "(2,) None"]


def test_an_expression_around_the_call_becomes_an_assert() -> None:
    assert examples(">>> round(f(1), 2)", "0.33") == ["assert round(f(1), 2) == 0.33"]
    assert examples("f(1, k=2) == 3", "f(2 ** 3) == 8") == ["assert f(1, k=2) == 3", "assert f(2 ** 3) == 8"]


def test_helpers_of_the_header_may_be_used_and_unknown_names_not() -> None:
    assert examples(">>> g(f(1))", "2", before="def g(n): return n") == ["assert g(f(1)) == 2"]
    assert examples(">>> g(f(1))", "2", "f(abc) == 3") == []


def test_what_is_no_whole_value_is_left_out() -> None:
    assert examples("f(5) -> 19 - 5 - 6 = 8", "1 + f(2) = 3", "f(3) == unknown", "f(n) = n + 1", "f(1) then 2") == []


def test_an_example_given_twice_is_one_test() -> None:
    assert examples(">>> f(2)", "4", "", "f(2) == 4", "f(3) == 9") == ["(2,) 4", "(3,) 9"]


def test_the_check_is_hidden_and_the_prompt_serves_as_setup() -> None:
    prompt = 'def g(n):\n    return n\n\ndef f(n):\n    """Inverse of g."""\n'
    given = HumanEvalLine(
        task_id="x", prompt=prompt, entry_point="f", test="def check(c): ...", canonical_solution="  1"
    )
    task = finish(given.draft())
    assert task["tests"] == [{"kind": "check", "code": "def check(c): ...", "visible": False}]
    assert (task["setup"], task["reference"]) == (prompt, prompt + "  1")
