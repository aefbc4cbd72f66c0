import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.static import LARGEST_PROGRAM, MAX_FINDINGS, findings_in, measure, parse

PIECES = ["def f(x):\n", "    ", "return x\n", "if x:\n", "(", ")", "[", "lambda", '"', "\\d", "\0", "#", "\n"]
SOURCES = st.text(st.characters(categories=None)) | st.lists(st.sampled_from(PIECES)).map("".join)
HOSTILE = {
    "deep parentheses": "(" * 50_000,
    "deep lists": "x = " + "[" * 5_000 + "]" * 5_000,
    "many unary operators": "x = " + "-" * 50_000 + "1",
    "a long sum": "x = " + "1+" * 30_000 + "1",
    "long chains of calls": "x" + ".a()" * 20_000,
    "deep blocks": "".join("    " * n + "if x:\n" for n in range(90)) + "    " * 90 + "pass",
    "too deep blocks": "".join(" " * n + "if x:\n" for n in range(300)) + " " * 300 + "pass",
    "NUL bytes": "def f(x):\n    return x\0",
    "lone surrogates": "x = '\ud800'",
    "one megabyte": "x = 1\n" * 200_000,
    "one long line": "x" * 1_000_000,
    "many functions": "".join(f"def f{n}(a): pass\n" for n in range(4_000)),
    "a huge number": "x = " + "9" * 90_000,
}


def test_a_program_is_measured_without_running_it() -> None:
    code = '''
import os  # noqa

def helper(n):
    return n

def solve(a, *, b=0):
    """Add the even ones."""
    for n in a:
        if n and n % 2 == 0 or n > b:
            b += helper(n)
    return b
'''
    assert measure(code, "solve") == {
        "parses": True,
        "lines": 9,
        "functions": 2,
        "longest_function": 6,
        "complexity": 5,  # the loop, the branch, `and`, `or`, and one
        "nesting": 2,
        "documented": True,
        "parameters": ["a", "b"],
        "defines_entry_point": True,
    }


def test_a_program_that_does_not_parse_has_no_measures_but_its_lines() -> None:
    metrics = measure("def solve(:\n    # no\n    return 1\n", "solve")
    assert (metrics["parses"], metrics["lines"], metrics["functions"], metrics["complexity"]) == (False, 2, 0, 1)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_source_is_measured_like_any_other(name: str) -> None:
    code = HOSTILE[name]
    metrics, findings = measure(code, "f"), findings_in(code, "f")
    assert metrics["complexity"] >= 1
    assert 1 <= len(findings) <= MAX_FINDINGS, "at least the missing entry point, or that it does not parse"


def test_a_source_that_is_too_large_is_not_parsed() -> None:
    assert parse("#" * LARGEST_PROGRAM) is not None
    assert parse("#" * (LARGEST_PROGRAM + 1)) is None


@given(code=SOURCES, entry_point=st.sampled_from(["f", "", "x"]))
def test_any_text_can_be_measured(code: str, entry_point: str) -> None:
    metrics = measure(code, entry_point)
    assert metrics["parses"] or metrics["functions"] == 0
    assert all(finding["line"] >= 0 for finding in findings_in(code, entry_point))


def test_warnings_of_a_strangers_program_do_not_reach_the_terminal() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert parse(r"pattern = '\d'; x = 1 is 1") is not None
    assert caught == []


@pytest.mark.parametrize(
    ("code", "rule", "line", "detail"),
    [
        ("def f(a, b):\n    return a", "unused argument", 1, "f never uses b"),
        ("def f():\n    try:\n        g()\n    except:\n        pass", "bare except", 4, "hides every error"),
        ("def f():\n    print(1)", "strange call", 2, "calls print()"),
        ("def f(a=[]):\n    return a", "mutable default", 1, "f shares a default between calls"),
        ("def g():\n    pass", "missing entry point", 0, "no function f"),
        ("def f(:", "does not parse", 0, "no valid Python"),
    ],
)
def test_a_finding_names_its_rule_its_line_and_what_is_wrong(code: str, rule: str, line: int, detail: str) -> None:
    assert findings_in(code, "f") == [{"rule": rule, "line": line, "severity": "warning", "detail": detail}]


def test_a_calm_program_has_no_findings() -> None:
    assert findings_in("def f(a):\n    return a + 1\n", "f") == []
