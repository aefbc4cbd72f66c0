import pytest

from tasks.mutants import ablations_of, mutants_of

SOURCE = "def f(xs):\n    return sum([abs(x) * 3 for x in xs if x > 5][1:])\n"


@pytest.mark.parametrize(
    "part", ["for x in xs][1:]", "[x for x in xs if", "if x > 5])", "return [abs(x)", "[abs(x) * 3 for x in xs]"]
)
def test_an_ablation_leaves_one_part_out(part: str) -> None:
    assert any(part in text for text in ablations_of(SOURCE, "f"))


@pytest.mark.parametrize("change", ["* 4", "* 2", "* 1", "x >= 5", "abs(x) + 3", "max([", "x > 6", "[2:]", "[0:]"])
def test_a_mutant_changes_one_place(change: str) -> None:
    assert any(change in text for text in mutants_of(SOURCE, "f"))


def test_every_mutant_is_another_program_that_parses() -> None:
    texts = [*ablations_of(SOURCE, "f"), *mutants_of(SOURCE, "f")]
    assert len(set(texts)) == len(texts)
    for text in texts:
        compile(text, "mutant", "exec")


def test_other_functions_stay_as_they_are_and_broken_code_has_no_mutants() -> None:
    assert all(
        "def g(x):\n    return x + 1" in text for text in mutants_of("def g(x):\n    return x + 1\n\n" + SOURCE, "f")
    )
    assert mutants_of("def f(", "f") == []
