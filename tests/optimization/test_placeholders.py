from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.placeholders import repaired
from prompts.registry import PLACEHOLDERS, prompt_set_of, shipped_prompt_set

PARTS = shipped_prompt_set()["components"]
GENERATE = PLACEHOLDERS["generate"]


def test_a_good_proposal_is_left_as_it_is() -> None:
    for name, text in PARTS.items():
        if text.strip():
            assert repaired(text, text, PLACEHOLDERS[name]) == (text, [])


@pytest.mark.parametrize("spelling", ["{task}", "{{task}}", "<task>", "%(task)s"])
def test_another_spelling_of_a_placeholder_is_understood(spelling: str) -> None:
    text, changes = repaired(PARTS["generate"].replace("$task", spelling), PARTS["generate"], GENERATE)

    assert text == PARTS["generate"].replace("$task", "${task}")
    assert changes == ["respelled $task"]


def test_a_lost_placeholder_with_a_paragraph_of_its_own_is_put_back() -> None:
    text, changes = repaired("Solve it.\n\n$task\n\n$examples", PARTS["generate"], GENERATE)

    assert text == "Solve it.\n\n$task\n\n$examples\n\n$memories\n\n$feedback"
    assert changes == ["put back $memories", "put back $feedback"]


def test_a_lost_placeholder_without_a_place_of_its_own_refuses_the_proposal() -> None:
    text, changes = repaired("Try again: $code", PARTS["repair"], PLACEHOLDERS["repair"])

    assert text is None
    assert changes[-1] == "refused: the placeholder $number is missing"


def test_invented_placeholders_and_lone_dollars_become_plain_text() -> None:
    text, changes = repaired("It costs $5, $name or ${name}; $$ stays.", "", ())

    assert text is not None
    assert Template(text).substitute() == "It costs $5, $name or ${name}; $ stays."
    assert len(changes) == 3


def test_an_empty_proposal_is_refused() -> None:
    assert repaired("  \n", "old", ()).text is None


@given(text=st.text(st.sampled_from("$ {}<>%()s\nabtask_examplesmemoriesfeedback"), max_size=60))
def test_whatever_comes_is_refused_or_usable(text: str) -> None:
    for name in ("system", "generate", "repair"):
        result = repaired(text, PARTS[name], PLACEHOLDERS[name]).text
        assert result is None or prompt_set_of(PARTS | {name: result})["components"][name] == result
