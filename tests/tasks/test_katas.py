import ast
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from sandbox.local import LocalSandbox
from sandbox.protocol import Job, Limits
from state.task import Task
from tasks.katas.combine import ablations_of, codes_of, combinations_of, program_of
from tasks.katas.concepts import FAMILIES
from tasks.katas.generate import FILE, text
from tasks.load import load_tasks, resolve_tasks

KATAS = load_tasks(resolve_tasks("katas")).tasks
HARD = load_tasks(resolve_tasks("hard")).tasks
CONCEPTS = {family.name: {concept.key for concept in family.concepts} for family in FAMILIES}


def level(task: Task) -> int:
    return int(task["tags"][1].removeprefix("level "))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    box = LocalSandbox()
    yield box
    box.close()


@pytest.mark.parametrize("tasks", [KATAS, HARD], ids=["katas", "hard"])
def test_every_reference_passes_its_visible_and_hidden_tests(tasks: list[Task], sandbox: LocalSandbox) -> None:
    wrong = []
    for task in tasks:
        job = Job(program=task["reference"] or "", entry_point=task["entry_point"], tests=task["tests"])
        statuses = [verdict["status"] for verdict in sandbox.run(job, Limits())["verdicts"]]
        if statuses != ["passed"] * len(task["tests"]):
            wrong.append(task["task_id"])
    assert wrong == []


def test_the_generator_makes_exactly_the_file_that_is_checked_in() -> None:
    assert FILE.read_text(encoding="utf-8") == text()


def test_there_are_as_many_katas_as_the_datasheet_says() -> None:
    counts = Counter((task["split"], level(task)) for task in KATAS)
    assert counts == {
        ("train", 1): 81,
        ("train", 2): 32,
        ("validation", 2): 16,
        ("validation", 3): 8,
        ("test", 2): 40,
        ("test", 3): 48,
    }
    sheet = (FILE.parent / "README.md").read_text(encoding="utf-8")
    for family, tasks in by_family().items():
        cells = [sum((t["split"], level(t)) == column for t in tasks) for column in sorted(counts, key=sheet_order)]
        assert f"| {family} | {' | '.join(map(str, [*cells, len(tasks)]))} |" in sheet


def sheet_order(column: tuple[str, int]) -> tuple[int, int]:
    return ("train", "validation", "test").index(column[0]), column[1]


def by_family() -> dict[str, list[Task]]:
    families = defaultdict(list)
    for task in KATAS:
        families[task["tags"][0]].append(task)
    return families


def test_no_combination_occurs_twice_and_every_held_out_concept_can_be_learned_at_level_one() -> None:
    assert len({task["task_id"] for task in KATAS + HARD}) == len(KATAS) + len(HARD)
    every = {
        name: {c.key: c for lv in (1, 2, 3) for c in combinations_of(family, lv)}
        for family in FAMILIES
        for name in [family.name]
    }
    taught = {task["entry_point"] for task in KATAS if task["split"] == "train" and level(task) == 1}
    for task in KATAS:
        combination = every[task["tags"][0]][task["entry_point"]]
        assert {concept.key for concept in combination.concepts} <= taught


def test_leaving_out_any_concept_fails_a_visible_example() -> None:
    fooled = []
    for family in FAMILIES:
        combinations = {c.key: c for number in (1, 2, 3) for c in combinations_of(family, number)}
        for task in by_family()[family.name]:
            combination = combinations[task["entry_point"]]
            programs = [program_of(combination, codes) for codes in ablations_of(combination)]
            fooled += [task["task_id"] for program in programs if passes(program, task)]
    assert fooled == []


def passes(program: str, task: Task) -> bool:
    """Tell whether a program of ours passes the visible examples; it may fail with an exception."""
    names: dict[str, object] = {}
    exec(program, names)
    function = names[task["entry_point"]]
    try:
        return all(
            function(*ast.literal_eval(test["args"])) == ast.literal_eval(test["expected"])  # type: ignore[operator]
            for test in task["tests"]
            if test["kind"] == "call" and test["visible"]
        )
    except (TypeError, ValueError, AttributeError, LookupError):
        return False


def test_the_reference_is_the_combination_of_its_concepts() -> None:
    numbers = FAMILIES[0]
    fizzy_mirror = next(c for c in combinations_of(numbers, 2) if c.key == "fizzy_mirror")
    assert program_of(fizzy_mirror, codes_of(fizzy_mirror)) == (
        "def fizzy_mirror(numbers: list[int]) -> list[int]:\n"
        "    kept = [number for number in numbers if number % 3 == 0]\n"
        "    return [int(str(number)[::-1]) for number in kept]\n"
    )


@pytest.mark.parametrize("tasks", [KATAS, HARD], ids=["katas", "hard"])
def test_every_bundled_task_has_visible_examples_hidden_tests_and_documented_types(tasks: list[Task]) -> None:
    for task in tasks:
        shown = [test["visible"] for test in task["tests"]]
        assert (shown.count(True), shown.count(False) >= 4) == (3, True), task["task_id"]
        function = ast.parse(task["prompt"]).body[0]
        assert isinstance(function, ast.FunctionDef)
        assert function.name == task["entry_point"]
        assert function.returns is not None
        assert ast.get_docstring(function)


def test_inputs_occur_once_in_a_task() -> None:
    for task in KATAS + HARD:
        inputs = [test["args"] for test in task["tests"] if test["kind"] == "call"]
        assert len(set(inputs)) == len(inputs), task["task_id"]


def test_the_hard_set_is_thirty_tasks_of_many_kinds_half_of_them_held_out() -> None:
    assert len(HARD) == 30
    assert len({task["tags"][1] for task in HARD}) >= 12
    assert Counter(task["split"] for task in HARD) == {"train": 10, "validation": 5, "test": 15}
