from pathlib import Path

import pytest

from runtime.build import open_services
from runtime.context import Context
from runtime.settings import load_settings
from state.errors import SetupError


def test_the_settings_become_services_and_closing_them_leaves_nothing_open(tmp_path: Path) -> None:
    services = open_services(load_settings(home=tmp_path / "home", rewards={"correctness": 1.0}))
    assert dict(services.rewards.weights) == {"correctness": 1.0}
    assert services.memory.watermark() == 0
    services.close()  # an open connection would be a resource warning, and those are errors here


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "mistral:x"}, "unknown model"),
        ({"model": "openai:x"}, "set OPENAI_API_KEY"),
        ({"rewards": {"beauty": 1.0}}, "no component 'beauty'"),
    ],
)
def test_what_the_user_can_fix_is_said_before_a_home_is_made(
    tmp_path: Path, given: dict[str, object], message: str
) -> None:
    with pytest.raises(SetupError, match=message):
        open_services(load_settings(home=tmp_path / "home", **given))
    assert not (tmp_path / "home").exists()


def test_a_context_for_single_episodes_runs_no_batches(context: Context) -> None:
    with pytest.raises(SetupError, match=r"batch\.loop"):
        context.run_episodes([], "train:0000")
