"""What each proposer makes of a request."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from proposers.protocol import Example, Request
from proposers.registry import make_proposer, proposer_names
from state.errors import SetupError
from state.message import Message

VIEW: Any = {"prompt": "Return the sum.", "entry_point": "add", "examples": []}
COMPONENTS = {"system": "Be brief.", "skills": "- one\n- two", "generate": "$task", "repair": "$code"}


def example(*, solved: bool, better: str = "") -> Example:
    outcome = "" if solved else "2 of 3 hidden tests failed"
    return Example(view=VIEW, code="def add(): ...", solved=solved, score=0.5, outcome=outcome, better=better)


@pytest.fixture
def request_of() -> Callable[..., Request]:
    """Make a request whose model gives the answers in turn and notes what it was asked."""

    def make(*answers: str, asked: list[Sequence[Message]] | None = None, **given: Any) -> Request:
        waiting = list(answers)

        def ask(messages: Sequence[Message]) -> str:
            if asked is not None:
                asked.append(messages)
            return waiting.pop(0)

        values: dict[str, Any] = {
            "components": COMPONENTS, "component": "system", "examples": [], "pool": [COMPONENTS], "parents": [[]],
            "scores": [{"v": 0.5}], "tried_merges": [], "refused": [], "seed": 0, "index": 1, "ask": ask,
        }  # fmt: skip
        return Request(**{**values, **given})

    return make


def test_a_rewrite_is_asked_for_with_failures_and_read_between_its_marks(request_of: Any) -> None:
    asked: list[Any] = []
    request = request_of(
        "Well.\n<component>\nBe kind.\n</component>",
        asked=asked,
        examples=[example(solved=False), example(solved=True)],
    )
    proposal = make_proposer("rewrite", 8).propose(request)

    assert proposal is not None
    assert dict(proposal.components) == {"system": "Be kind."}
    system, human = asked[0]
    assert "$task exactly as it is" in system["content"]
    assert "2 of 3 hidden tests failed" in human["content"]


@pytest.mark.parametrize("answer", ["", "Be kind.", "<component>\nBe brief.\n</component>"])
def test_an_answer_without_a_new_component_is_no_proposal(request_of: Any, answer: str) -> None:
    assert make_proposer("rewrite", 8).propose(request_of(answer, examples=[example(solved=False)])) is None


def test_nothing_is_asked_where_nothing_failed(request_of: Any) -> None:
    assert make_proposer("rewrite", 8).propose(request_of(examples=[example(solved=True)])) is None
    assert make_proposer("contrast", 8).propose(request_of(examples=[example(solved=False)])) is None


def test_contrast_shows_both_attempts_at_a_task(request_of: Any) -> None:
    asked: list[Any] = []
    both = example(solved=False, better="def add(a, b): return a + b")
    request = request_of("<component>\nAdd.\n</component>", asked=asked, examples=[both, example(solved=True)])

    assert make_proposer("contrast", 8).propose(request) is not None
    assert "Failed:\n```python\ndef add(): ..." in asked[0][1]["content"]
    assert "Passed:\n```python\ndef add(a, b): return a + b" in asked[0][1]["content"]


def test_skill_lines_are_added_once_whatever_their_counts(request_of: Any) -> None:
    request = request_of("- one  # 4 of 5\n- three  # 2 of 2\nand so on", examples=[example(solved=True)])
    proposal = make_proposer("skill_lines", 8).propose(request)

    assert proposal is not None
    assert proposal.components["skills"] == "- one\n- two\n- three  # 2 of 2"


def test_lines_are_left_out_one_by_one_until_all_have_been_tried(request_of: Any) -> None:
    refused: list[dict[str, str]] = []
    proposer = make_proposer("drop_lines", 8)
    while (proposal := proposer.propose(request_of(refused=refused))) is not None:
        refused.append(dict(proposal.components))
    assert sorted(text["skills"] for text in refused) == ["- one", "- two"]


def test_a_merge_takes_each_component_from_the_side_that_changed_it(request_of: Any) -> None:
    pool = [COMPONENTS, {**COMPONENTS, "system": "Be kind."}, {**COMPONENTS, "skills": "- three"}]
    scores = [{"a": 0.1, "b": 0.1}, {"a": 0.9, "b": 0.2}, {"a": 0.2, "b": 0.9}]
    proposal = make_proposer("merge", 8).propose(request_of(pool=pool, parents=[[], [0], [0]], scores=scores))

    assert proposal is not None
    assert dict(proposal.components) == {**COMPONENTS, "system": "Be kind.", "skills": "- three"}
    assert proposal.merge == (1, 2, 0)


def test_proposers_suit_the_model_unless_they_are_named() -> None:
    assert proposer_names([], "offline") == ("skill_lines", "drop_lines")
    assert proposer_names([], "openai:gpt-5.2")[0] == "rewrite"
    assert proposer_names(["merge"], "offline") == ("merge",)


@pytest.mark.parametrize("name", ["genius", "no_such_module:propose", "json:no_such_function", "json:__name__"])
def test_a_proposer_that_is_none_is_named(name: str) -> None:
    with pytest.raises(SetupError, match=f"proposer '{name}'"):
        make_proposer(name, 8)
