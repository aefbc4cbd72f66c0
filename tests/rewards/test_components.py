from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.combine import RewardTable, reward_for
from rewards.components import COMPONENTS, Evidence, adherence, correctness, efficiency, readability, review
from rewards.static import findings_in, measure
from state.verdict import ReportSummary

TASK: Any = {"entry_point": "f", "tests": []}
SOURCES = st.text(st.characters(categories=None), max_size=200) | st.sampled_from(
    ["def f(x):\n    return x\n", "def g(): pass", "def f(:", "if x:\n  if y:\n    pass\n", ""]
)


def report_of(passed: int, total: int, cpu_s: float = 0.1) -> ReportSummary:
    return {
        "passed": passed, "total": total, "visible_passed": 0, "visible_total": 0,
        "status": "passed" if passed == total else "failed", "limit": "", "cpu_s": cpu_s, "wall_s": cpu_s, "report": "",
    }  # fmt: skip


def evidence_of(code: str, report: ReportSummary, entry_point: str = "f", wanted: list[str] | None = None) -> Evidence:
    review: Any = {"metrics": measure(code, entry_point), "findings": findings_in(code, entry_point), "overfit": False}
    return Evidence(
        task={**TASK, "entry_point": entry_point}, report=report, review=review, reference_parameters=wanted or []
    )


@st.composite
def any_evidence(draw: st.DrawFn) -> Evidence:
    total = draw(st.integers(0, 1000))
    report = report_of(draw(st.integers(0, total)), total, draw(st.floats(0, 1e6)))
    return evidence_of(draw(SOURCES), report, draw(st.sampled_from(["f", ""])), draw(st.lists(st.text(), max_size=2)))


@given(evidence=any_evidence())
def test_every_component_of_any_program_and_report_is_a_float_from_0_to_1(evidence: Evidence) -> None:
    for name, component in COMPONENTS.items():
        value = component(evidence)
        assert type(value) is float, name
        assert 0.0 <= value <= 1.0, name


@given(one=any_evidence(), other=any_evidence())
def test_a_program_that_fails_a_hidden_test_never_outranks_one_that_passes_all(one: Evidence, other: Evidence) -> None:
    right = Evidence(**{**vars(one), "report": report_of(5, 5, one.report["cpu_s"])})
    wrong = Evidence(**{**vars(other), "report": report_of(999, 1000, other.report["cpu_s"])})
    assert reward_for(wrong, RewardTable())["total"] < reward_for(right, RewardTable())["total"]


@pytest.mark.parametrize(("passed", "total", "value"), [(4, 4, 1.0), (3, 4, 0.375), (0, 4, 0.0), (0, 0, 0.0)])
def test_correctness_is_1_for_all_tests_and_at_most_a_half_for_fewer(passed: int, total: int, value: float) -> None:
    assert correctness(evidence_of("", report_of(passed, total))) == value


@pytest.mark.parametrize(("cpu_s", "value"), [(0.0, 1.0), (0.25, 1.0), (0.5, 0.5), (2.5, 0.1), (100.0, 0.0)])
def test_efficiency_falls_with_cpu_time_beyond_what_is_noise(cpu_s: float, value: float) -> None:
    assert efficiency(evidence_of("", report_of(3, 3, cpu_s))) == value


def test_a_wrong_program_is_not_efficient_however_quick_it_is() -> None:
    assert efficiency(evidence_of("", report_of(2, 3, 0.0))) == 0.0


def test_readability_falls_with_nesting_complexity_and_findings() -> None:
    calm = "def f(x):\n    return x\n"
    deep = "def f(x):\n" + "".join("    " * n + "if x:\n" for n in range(1, 12)) + "    " * 12 + "return x\n"
    values = [
        readability(evidence_of(code, report_of(1, 1)))
        for code in (calm, calm.replace("return x", "print(x)"), deep, "def f(:", "")
    ]
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)
    assert values[-2:] == [0.0, 0.0], "no program, nothing to read"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("def f(a, b): return a", 1.0),
        ("def f(b, a): return a", 0.5),
        ("def g(a, b): return a", 0.0),
        ("def f(a, b: return a", 0.0),
        ("", 0.0),
    ],
)
def test_adherence_asks_for_the_function_and_its_parameters(code: str, value: float) -> None:
    assert adherence(evidence_of(code, report_of(1, 1), wanted=["a", "b"])) == value


def test_without_known_parameters_the_function_alone_is_adherence() -> None:
    assert adherence(evidence_of("def f(any, names): pass", report_of(1, 1))) == 1.0


@pytest.mark.parametrize(("code", "value"), [("print(input())", 1.0), ("print(", 0.0), ("", 0.0), ("# no", 0.0)])
def test_where_no_function_is_asked_for_any_program_adheres_and_none_does_not(code: str, value: float) -> None:
    assert adherence(evidence_of(code, report_of(1, 1), entry_point="")) == value


def test_the_review_component_is_the_reviewers_score_and_else_counts_static_findings() -> None:
    evidence = evidence_of("def f(x):\n    return 1\n", report_of(1, 1))
    assert review(evidence) == 0.5  # x is never used
    evidence.review["opinion"] = {"score": 0.8, "critique": "", "findings": [], "agreement": None, "calls": []}
    assert review(evidence) == 0.8
    assert review(evidence_of("", report_of(1, 1))) == 0.0
