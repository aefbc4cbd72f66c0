from collections import Counter
from pathlib import Path

import pytest

from prompts.registry import (
    PLACEHOLDERS,
    PromptRegistry,
    prompt_set_of,
    read_folder,
    shipped_prompt_set,
    write_folder,
)
from state.errors import SetupError
from state.prompt_set import PromptSet
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
    with pytest.raises(SetupError, match=f"no prompt set 'abc' in {home.name}"):
        PromptRegistry(home).get("abc")


def test_the_first_witness_of_a_text_is_kept(home: Home) -> None:
    registry = PromptRegistry(home)
    kept = registry.save(shipped_prompt_set(), author="user", parents=["x"], created_at=1.0)
    for evidence in ({"p": 0.01}, {"p": 0.5, "n": 3}):
        registry.add_evidence(kept, evidence)
    [version] = registry.versions()

    assert (version["evidence"], version["parents"], version["author"]) == ({"p": 0.01, "n": 3}, ["x"], "user")


def test_an_author_that_chooses_once_does_not_undo_a_later_choice(home: Home) -> None:
    registry = PromptRegistry(home)
    shipped = registry.chosen(1.0)
    mine = registry.add_users(skilled("a"), shipped, 2.0)
    registry.choose_once(mine, author="opt-1", now=3.0)
    registry.rollback(4.0)
    registry.choose_once(mine, author="opt-1", now=5.0)

    assert registry.chosen(6.0) == shipped


def test_new_runs_use_the_shipped_prompts_until_others_are_chosen_and_go_back_one_by_one(home: Home) -> None:
    registry = PromptRegistry(home)
    shipped = registry.chosen(1.0)
    ids = [registry.add_users(skilled(text), shipped, 2.0) for text in ("a", "b")]
    for prompt_set in ids:
        registry.choose(prompt_set, author="user", now=3.0)

    assert shipped == shipped_prompt_set()["prompt_set"]
    assert registry.resolve("", 4.0) == ids[1]
    assert registry.rollback(5.0) == (ids[1], ids[0])
    assert registry.rollback(6.0) == (ids[0], shipped)
    with pytest.raises(SetupError, match="nothing to go back to"):
        registry.rollback(7.0)


def test_a_folder_of_prompts_needs_only_the_files_that_differ(home: Home, tmp_path: Path) -> None:
    registry = PromptRegistry(home)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "skills.md").write_text("Sort first.\n", encoding="utf-8")

    mine = registry.resolve(str(tmp_path / "mine"), 1.0)

    assert registry.get(mine)["components"] == {**SHIPPED, "skills": "Sort first."}
    assert registry.find(mine[:8], 1.0)["parents"] == [shipped_prompt_set()["prompt_set"]]


def test_what_is_exported_is_imported_as_the_same_prompt_set(home: Home, tmp_path: Path) -> None:
    write_folder(skilled("Sort first."), tmp_path)
    assert read_folder(tmp_path, shipped_prompt_set()) == skilled("Sort first.")


def test_a_folder_with_a_file_that_is_no_component_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reviews.md").write_text("?", encoding="utf-8")
    with pytest.raises(SetupError, match=r"reviews.md is no prompt component.*system.md"):
        read_folder(tmp_path, shipped_prompt_set())


def test_the_beginning_of_an_id_must_name_one_prompt_set(home: Home) -> None:
    registry = PromptRegistry(home)
    for number in range(40):
        registry.add_users(skilled(str(number)), "", 1.0)
    with pytest.raises(SetupError, match="no prompt set 'zz'"):
        registry.find("zz", 1.0)
    [(shared, _)] = Counter(version["prompt_set"][0] for version in registry.versions()).most_common(1)
    with pytest.raises(SetupError, match="several prompt sets begin with"):
        registry.find(shared, 1.0)


def skilled(text: str) -> PromptSet:
    return prompt_set_of({**SHIPPED, "skills": text})
