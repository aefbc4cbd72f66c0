from typing import Any

import pytest

from nodes.seed import seed
from prompts.registry import shipped_prompt_set
from state.errors import SetupError


def test_an_optimisation_begins_with_the_prompt_set_of_the_run(runtime: Any, episode_of: Any, task_of: Any) -> None:
    episode_of(task_of())  # saves the shipped prompt set
    parent = shipped_prompt_set()["prompt_set"]
    assert seed({"parent": parent}, runtime) == {"parent": parent}


def test_an_optimisation_of_a_prompt_set_that_is_gone_is_refused(runtime: Any) -> None:
    with pytest.raises(SetupError, match="no prompt set 'gone'"):
        seed({"parent": "gone"}, runtime)
