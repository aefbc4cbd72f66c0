import pytest

from optimization.overlap import answers_of, copied_answers, overlap_of, without_copies
from prompts.registry import shipped_prompt_set
from state.task import Task
from tasks.load import load_tasks, resolve_tasks

REFERENCE = '''def running(numbers, limit):
    """Return running totals."""
    total, totals = 0, []
    for number in numbers:
        total += number
        if total <= limit and number % 2 == 0:
            totals.append(total * 2)
    return sorted(totals, reverse=True)
'''
TASK: Task = {
    "task_id": "running",
    "prompt": "Write running.",
    "entry_point": "running",
    "tests": [
        {"kind": "call", "args": "([1, 2, 3, 4], 99)", "expected": "[20, 6]", "visible": False},
        {"kind": "assert", "code": "assert running([8, 16, 24], 30) == [48, 16]", "visible": True},
    ],
    "split": "train",
    "setup": "",
    "reference": REFERENCE,
    "limits": {},
    "tags": [],
    "digest": "",
}
COPY = """Whenever totals are asked for:
```python
acc, out = 0, []
for x in values:   # every value
	acc += x
	if acc<=top and x%2==0:
		out.append( acc*2 )
return sorted(out,reverse=True)
```"""


def test_a_copied_answer_is_found_after_renaming_and_reformatting() -> None:
    [copy] = copied_answers(COPY, [answers_of(TASK)])

    assert (copy.task_id, copy.what) == ("running", "reference")
    assert copy.overlap > 0.9


def test_a_solution_that_an_episode_found_counts_like_the_reference() -> None:
    task: Task = {**TASK, "reference": None}

    assert copied_answers(COPY, [answers_of(task)]) == []
    assert [c.what for c in copied_answers(COPY, [answers_of(task)], {"running": [REFERENCE]})] == ["solution"]


@pytest.mark.parametrize(
    "text",
    [
        "running([1,2,3,4], 99) gives [20,6].",
        "Remember: for [1, 2, 3, 4], 99 the answer is [20, 6].",
        "assert running([8, 16, 24], 30) == [48, 16]",
    ],
)
def test_a_test_with_its_expected_value_is_found_however_it_is_told(text: str) -> None:
    assert [c.what for c in copied_answers(text, [answers_of(TASK)])] == ["test"]


@pytest.mark.parametrize(
    "text",
    [
        "Walk once over the numbers, keep a running total, and sort at the end with reverse=True.",
        "def running(numbers, limit): ...",
        "For example [1, 2, 3] and 99, or [20, 6].",
        "for x in xs:\n    total += x\nreturn total",
    ],
)
def test_advice_signatures_and_idioms_are_no_copies(text: str) -> None:
    assert copied_answers(text, [answers_of(TASK)]) == []


def test_an_answer_too_short_to_tell_from_an_idiom_is_not_looked_for() -> None:
    assert overlap_of("return sorted(xs)", "def f(ys):\n    return sorted(ys)") == 0.0


def test_code_that_does_not_parse_is_still_compared() -> None:
    broken = REFERENCE.replace("if total", "if if total")

    assert overlap_of(COPY, broken) > 0.4


def test_an_answer_that_nests_too_deeply_to_be_written_out_is_still_compared() -> None:
    deep = "def f(x):\n    return (" + " + ".join(f"(x == {number})" for number in range(400)) + ")\n"

    assert overlap_of("Answer so:\n" + deep, deep) == 1.0
    assert overlap_of("Be kind.", deep) == 0.0


def test_the_shipped_prompts_hold_no_answer_of_the_bundled_tasks() -> None:
    tasks = load_tasks(resolve_tasks("katas")).tasks
    for text in shipped_prompt_set()["components"].values():
        assert copied_answers(text, map(answers_of, tasks)) == []


def test_lines_that_copy_go_one_by_one_and_those_that_are_known_stay() -> None:
    answer = "def f(xs):\n    best = [x * 3 + 1 for x in xs if x % 7 == 0 and x > 4]\n    return sorted(best)[-1] - 2\n"
    first = "- use [x * 3 + 1 for x in xs if x % 7 == 0 and x > 4]"
    second = "- and sorted(best)[-1] - 2"
    lines, answers = ["- be brief", first, second], [answers_of({**TASK, "reference": answer})]

    assert without_copies(lines, [], answers, {}) == ["- be brief", second]
    assert without_copies(lines, [first], answers, {}) == ["- be brief", first]
    assert without_copies(["- be brief"], [], answers, {}) == ["- be brief"]
