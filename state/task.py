"""A programming task, its tests and its split."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

Split: TypeAlias = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class CallTest(TypedDict):
    """Call the entry point with `args` and compare what it returns with `expected`.

    Values are Python literals as text ("[(1, 2), {'a': None}]"), so that tuples, sets and bytes
    survive JSON. Floats are compared with a relative tolerance of 1e-6, all else by equality of type and value
    (an int equals a float of the same value, as in Python).
    """

    kind: Literal["call"]
    args: str  # a tuple: "(1, 'a')"
    expected: str
    visible: bool


class AssertTest(TypedDict):
    """One or more statements whose asserts must hold, in the style of MBPP: "assert f(1) == 2"."""

    kind: Literal["assert"]
    code: str
    visible: bool


class CheckTest(TypedDict):
    """Test code in HumanEval's style: it defines `check(candidate)`, called with the entry point.

    Every assert in it becomes a verdict of its own.
    """

    kind: Literal["check"]
    code: str
    visible: bool


class StdioTest(TypedDict):
    """Run the program as a script: `stdin` goes in, `stdout` must come out (trailing white space ignored)."""

    kind: Literal["stdio"]
    stdin: str
    stdout: str
    visible: bool


Test: TypeAlias = CallTest | AssertTest | CheckTest | StdioTest


class TaskLimits(TypedDict, total=False):
    """A task's own limits; what is missing comes from the settings."""

    cpu_s: float
    wall_s: float
    memory_mb: int


class Task(TypedDict):
    """One programming problem.

    A model is shown `prompt` and the visible tests only. `setup` is code of the task's author (imports, helpers
    that the prompt defines): test code may use it. `reference` is one solution; it is never shown to a model.
    """

    task_id: str
    prompt: str
    entry_point: str  # "" for stdio tasks
    tests: list[Test]
    split: Split
    setup: str
    reference: str | None
    limits: TaskLimits
    tags: list[str]  # family, level, …: report tables group by them
    digest: str  # content address of everything above but the split and the tags


class TaskView(TypedDict):
    """What a model may know of a task."""

    prompt: str
    entry_point: str
    examples: list[Test]  # the visible tests


def view_of(task: Task) -> TaskView:
    """Return what a model may know: no id, no hidden test, no reference."""
    visible = [test for test in task["tests"] if test["visible"]]
    return {"prompt": task["prompt"], "entry_point": task["entry_point"], "examples": visible}
