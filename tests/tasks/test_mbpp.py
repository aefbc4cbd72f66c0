from tasks.build import finish
from tasks.mbpp import MbppLine


def test_the_entry_point_is_the_function_of_the_reference_that_the_asserts_call() -> None:
    code = "def helper(a):\n    return a\n\ndef shared(a, b):\n    return helper(set(a) & set(b))"
    line = MbppLine(task_id=2, text="t", code=code, test_list=["assert sorted(set(shared((1, 2), (2,)))) == [2]"])
    assert line.draft().entry_point == "shared"


def test_without_a_reference_it_is_the_first_function_that_is_no_builtin() -> None:
    line = MbppLine(task_id=2, text="t", test_list=["assert math.isclose(abs(area(2)), 4.0)"])
    assert line.draft().entry_point == "area"


def test_only_the_first_assert_is_visible() -> None:
    line = MbppLine(task_id=1, text="t", test_list=["assert f(1)", "assert f(2)"], challenge_test_list=["assert f(3)"])
    tests = finish(line.draft())["tests"]
    assert [(test["code"], test["visible"]) for test in tests if test["kind"] == "assert"] == [
        ("assert f(1)", True),
        ("assert f(2)", False),
        ("assert f(3)", False),
    ]


def test_the_sanitized_form_brings_its_prompt_and_its_imports() -> None:
    line = MbppLine(task_id=3, prompt="p", test_imports=["import math"], test_list=["assert f(1) == math.pi"])
    draft = line.draft()
    assert (draft.task_id, draft.prompt, draft.setup) == ("mbpp/3", "p", "import math")
