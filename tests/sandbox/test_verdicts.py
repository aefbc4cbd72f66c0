"""What a report says, test by test."""

import pytest

from sandbox.local import LocalSandbox
from sandbox.protocol import Job, Limits
from state.errors import PermanentError


def statuses(report):
    return [verdict["status"] for verdict in report["verdicts"]]


def test_every_test_gets_a_verdict_of_its_own(run, call) -> None:
    report = run("def f(x):\n    return 2 * x", call("(2,)", "4"), call("(3,)", "7"), call("('a',)", "'aa'"))
    assert statuses(report) == ["passed", "failed", "passed"]
    assert (report["verdicts"][1]["got"], report["verdicts"][1]["expected"]) == ("6", "7")


def test_every_assert_of_a_check_function_gets_a_verdict(run) -> None:
    code = "def check(f):\n    assert f(1) == 1\n    assert f(2) == 5\n    assert f(3) == 9"
    report = run("def f(x):\n    return x * x", {"kind": "check", "code": code, "visible": False})
    assert [(v["name"], v["status"]) for v in report["verdicts"]] == [
        ("test 1, assert 1, line 2", "passed"),
        ("test 1, assert 2, line 3", "failed"),
        ("test 1, assert 3, line 4", "passed"),
    ]


def test_an_assert_in_a_loop_is_one_verdict_with_its_first_failure(run, holds) -> None:
    report = run("def f(x):\n    return x", holds("for n in range(5):\n    assert f(n) < 3"))
    assert [(v["status"], v["got"], v["expected"]) for v in report["verdicts"]] == [("failed", "3", "< 3")]


def test_an_exception_is_told_with_its_line_and_the_next_assert_still_runs(run, holds) -> None:
    report = run("def f(x):\n    return 1 / x", holds("assert f(0) == 0\nassert f(1) == 1"))
    first, second = report["verdicts"]
    assert (first["status"], first["error_type"], first["message"]) == (
        "error",
        "ZeroDivisionError",
        "division by zero",
    )
    assert first["traceback"] == ["line 2, in f: return 1 / x"]
    assert second["status"] == "passed"


def test_tests_after_the_end_of_a_program_are_not_run(run, call) -> None:
    report = run("import os\ndef f(x):\n    os._exit(0)", call("(1,)", "1"), call("(2,)", "2"))
    assert statuses(report) == ["error", "not_run"]
    assert report["verdicts"][0]["message"] == "the program exited with status 0 before it returned"


def test_a_program_that_does_not_compile_is_an_error_in_its_line(run, call) -> None:
    report = run("def f(x)\n    return x", call("(1,)", "1"))
    assert report["verdicts"][0]["error_type"] == "SyntaxError"
    assert report["verdicts"][0]["traceback"] == ["line 1, in <module>: def f(x)"]


def test_a_missing_entry_point_is_named(run, call) -> None:
    assert "defines no 'f'" in run("def g(x): return x", call("(1,)", "1"))["verdicts"][0]["message"]


def test_a_script_is_judged_by_what_it_prints(run, stdio) -> None:
    report = run(
        "print(int(input()) ** 2)", stdio("3\n", "9\n"), stdio("4", "16  \n\n"), stdio("5\n", "24\n"), entry_point=""
    )
    assert statuses(report) == ["passed", "passed", "failed"]


def test_a_script_that_raises_is_an_error_with_its_line(run, stdio) -> None:
    verdict = run("n = int(input())", stdio("x\n", ""), entry_point="")["verdicts"][0]
    assert (verdict["status"], verdict["error_type"]) == ("error", "ValueError")
    assert verdict["traceback"] == ["line 1, in <module>: n = int(input())"]


@pytest.mark.parametrize(
    ("got", "expected", "status"),
    [
        ("1.0000000001", "1.0", "passed"), ("1", "1.0", "passed"), ("True", "1", "failed"),
        ("(1, 2)", "[1, 2]", "failed"), ("{1: [0.1 + 0.2]}", "{1: [0.3]}", "passed"),
        ("float('nan')", "0.0", "failed"), ("b'a'", "b'a'", "passed"),
    ],
)  # fmt: skip
def test_results_are_compared_by_type_and_value(run, call, got: str, expected: str, status: str) -> None:
    assert statuses(run(f"def f():\n    return {got}", call("()", expected))) == [status]


def test_a_test_may_expect_an_exception(run, holds) -> None:
    code = "try:\n    f(0)\n    assert False, 'no exception'\nexcept ZeroDivisionError:\n    assert True"
    assert statuses(run("def f(x):\n    return 1 / x", holds(code))) == ["passed"]
    assert statuses(run("def f(x):\n    return 0", holds(code)))[0] == "failed"


def test_a_test_whose_asserts_are_never_reached_is_an_error(run, holds) -> None:
    assert statuses(run("def f(): return []", holds("for n in f():\n    assert n == 1"))) == ["error"]


def test_objects_of_the_program_stay_there_and_can_be_used(run, holds) -> None:
    program = (
        "class Stack(list):\n    def push(self, x): self.append(x)\nclass Point:\n    def __init__(self, x): self.x = x"
    )
    code = "p = Point(3)\nassert p.x == 3\np.x = 4\nassert p.x == 4\nassert p != 4"
    assert statuses(run(program, holds(code), entry_point="Point")) == ["passed"] * 3


def test_functions_of_a_test_can_be_called_by_the_program(run, holds) -> None:
    program = "def f(g, xs):\n    return [g(x) for x in xs]"
    assert statuses(
        run(program, holds("assert f(lambda x: x + 1, [1, 2]) == [2, 3]\nassert f(str, [1]) == ['1']"))
    ) == [
        "passed",
        "passed",
    ]


def test_generators_are_drawn_from_across_the_border(run, holds) -> None:
    assert statuses(run("def f(n):\n    yield from range(n)", holds("assert list(f(3)) == [0, 1, 2]"))) == ["passed"]


def test_arguments_changed_in_place_are_changed_for_the_test(run, holds) -> None:
    assert statuses(run("def f(xs):\n    xs.sort()", holds("xs = [3, 1]\nf(xs)\nassert xs == [1, 3]"))) == ["passed"]


def test_the_authors_setup_is_for_tests_and_not_for_the_program(run, holds) -> None:
    setup = "SECRET = 42\ndef helper(x): return x + 1"
    report = run("def f(x):\n    return SECRET", holds("assert f(1) == helper(41)"), setup=setup)
    assert report["verdicts"][0]["error_type"] == "NameError"
    assert statuses(run("def f(x):\n    return x", holds("assert f(42) == helper(41)"), setup=setup)) == ["passed"]


def test_a_setup_that_does_not_run_is_the_authors_fault_and_no_verdict(sandbox: LocalSandbox, holds) -> None:
    job = Job(program="def f(): return 1", entry_point="f", tests=[holds("assert f() == 1")], setup="1 / 0")
    with pytest.raises(PermanentError, match="ZeroDivisionError"):
        sandbox.run(job, Limits())


@pytest.mark.parametrize("code", ["assert f(2) == 4\nassert f(3) == 7", "import os\nos._exit(0)", "while True: pass"])
def test_untrusted_tests_get_a_judge_of_their_own(run, holds, code: str) -> None:
    report = run("def f(x):\n    return 2 * x", holds(code), trusted_tests=False, limits=Limits(cpu_s=1, wall_s=30))
    assert statuses(report)[-1] != "passed"
    assert statuses(run("def f(x):\n    return 2 * x", holds("assert f(2) == 4"), trusted_tests=False)) == ["passed"]


def test_untrusted_tests_are_locked_in_like_the_program(run, holds, tmp_path) -> None:
    code = f"open({str(tmp_path / 'written')!r}, 'w')\nassert f(1) == 1"
    assert statuses(run("def f(x):\n    return x", holds(code), trusted_tests=False)) == ["error"]
    assert list(tmp_path.iterdir()) == []


def test_coverage_lists_the_lines_that_ran(run, call) -> None:
    program = "def f(x):\n    if x:\n        return 1\n    return 2"
    assert run(program, call("(1,)", "1"), coverage=True)["coverage"] == [1, 2, 3]
    assert run(program, call("(1,)", "1"))["coverage"] is None


def test_output_time_and_memory_are_reported(run, call) -> None:
    report = run("import sys\ndef f():\n    print('out')\n    print('err', file=sys.stderr)", call("()", "None"))
    assert (report["stdout"], report["stderr"], report["output_bytes"]) == ("out\n", "err\n", 8)
    assert 0 < report["cpu_s"] < 2
    assert 1 << 20 < report["peak_memory_bytes"] < 1 << 30


def test_a_program_runs_the_same_way_every_time(run, holds) -> None:
    program = "import random\ndef f():\n    return [random.random(), list({'a', 'b', 'c', 'd'})]"
    first, second = (run(program, holds("assert f() == 0"))["verdicts"][0]["got"] for _ in range(2))
    assert first == second
