import pytest

from prompts.registry import PLACEHOLDERS, PromptRegistry, prompt_set_of, shipped_prompt_set
from state.errors import SetupError
from storage.engine import Home

SHIPPED = shipped_prompt_set()["components"]


def test_the_shipped_prompts_have_every_component_and_keep_its_placeholders() -> None:
    assert set(SHIPPED) == set(PLACEHOLDERS)
    assert SHIPPED["skills"] == "", "skills are what learning writes"


def test_the_same_components_have_the_same_id_in_whatever_order_they_were_written() -> None:
    turned = dict(reversed(SHIPPED.items()))
    assert prompt_set_of(turned) == shipped_prompt_set()
    assert prompt_set_of({**SHIPPED, "skills": "Sort first."})["prompt_set"] != shipped_prompt_set()["prompt_set"]


@pytest.mark.parametrize(
    "changed",
    [
        {"generate": "$task $examples $memories"},
        {"generate": "$task $examples $memories $feedback $reference"},
        {"system": "You work for $5 an hour"},
        {"skills": "costs 5$"},
        {"repair": "$number $code"},
    ],
)
def test_a_component_that_loses_or_invents_a_placeholder_is_refused(changed: dict[str, str]) -> None:
    [name] = changed
    with pytest.raises(SetupError, match=rf"prompt component '{name}' must use the placeholders .* written \$\$"):
        prompt_set_of({**SHIPPED, **changed})


def test_missing_and_unknown_components_are_refused() -> None:
    with pytest.raises(SetupError, match=r"has the components .*; got \['system'\]"):
        prompt_set_of({"system": "Hello."})
    with pytest.raises(SetupError, match="'extra'"):
        prompt_set_of({**SHIPPED, "extra": "Hello."})


def test_a_prompt_set_is_kept_once_and_found_by_another_process(home: Home) -> None:
    registry = PromptRegistry(home)
    ids = {registry.save(shipped_prompt_set(), author=author, parents=[], created_at=1.0) for author in ("a", "b")}
    [prompt_set] = ids
    assert PromptRegistry(home).get(prompt_set) == shipped_prompt_set()


def test_a_prompt_set_that_the_home_does_not_have_is_named(home: Home) -> None:
    with pytest.raises(SetupError, match=f"no prompt set 'abc' in {home.folder}"):
        PromptRegistry(home).get("abc")
