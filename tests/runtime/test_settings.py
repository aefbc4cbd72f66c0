import os
import re
from pathlib import Path
from typing import Any

import pytest

from runtime.settings import INDEPENDENT, Settings, load_settings
from state.errors import SetupError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of the test's own: ratchet.toml is read from there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint() -> str:
    with pytest.raises(SetupError) as caught:
        load_settings()
    return str(caught.value)


def test_an_argument_goes_over_the_environment_and_that_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "ratchet.toml").write_text("seed = 1\nattempts = 4\nepochs = 2\n")
    monkeypatch.setenv("RATCHET_SEED", "2")
    monkeypatch.setenv("RATCHET_ATTEMPTS", "5")
    settings = load_settings(seed=3)
    assert (settings.seed, settings.attempts, settings.epochs, settings.repeats) == (3, 5, 2, 1)


def test_an_argument_that_is_none_was_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_MODEL", "openai:x")
    assert load_settings(model=None).model == "openai:x"


def test_tables_come_from_the_file_or_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "ratchet.toml").write_text("[sandbox]\ncpu_s = 3\nwall_s = 4\n[rewards]\ncorrectness = 1\n")
    monkeypatch.setenv("RATCHET_SANDBOX__CPU_S", "2.5")
    monkeypatch.setenv("RATCHET_SPLITS", '["test"]')
    settings = load_settings()
    assert (settings.sandbox.cpu_s, settings.sandbox.wall_s, settings.sandbox.memory_mb) == (2.5, 4.0, 1024)
    assert settings.rewards == {"correctness": 1.0}
    assert settings.splits == ["test"]


def test_variables_that_are_not_ours_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = load_settings()
    for name, value in (("CPU_S", "1"), ("MEMORY_MB", "much"), ("SEED", "7")):
        monkeypatch.setenv(name, value)
    assert load_settings() == usual


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 2.1),
        ("temperature", float("nan")),
        ("model_timeout_s", 0),
        ("budget", 0),
        ("attempts", 0),
        ("attempts", 21),
        ("repeats", 0),
        ("epochs", 0),
        ("batch_size", "many"),
        ("chroma_url", "host:8000"),
        ("measure_every", -1),
        ("optimise_every", -1),
        ("tend_every", -1),
        ("memories", 51),
        ("seed", 0.5),
        ("concurrency", 0),
        ("limit", 0),
        ("splits", ["dev"]),
        ("require_isolation", "chroot"),
        ("sandbox", {"cpu_s": 0}),
        ("sandbox", {"memory_mb": 1}),
        ("rewards", {"correctness": "high"}),
    ],
)
def test_a_bad_setting_is_named_with_what_was_given(name: str, value: object) -> None:
    with pytest.raises(SetupError) as caught:
        load_settings(**{name: value})
    given = next(iter(value.values())) if isinstance(value, dict) else value[0] if isinstance(value, list) else value
    assert str(caught.value).startswith(name)
    assert f", not {given!r}" in str(caught.value)


def test_several_bad_settings_are_one_message() -> None:
    with pytest.raises(SetupError, match=r"^attempts must be .*; epochs must be "):
        load_settings(attempts=0, epochs=0)


@pytest.mark.parametrize(("name", "value"), [("RATCHET_SPLITS", "train,test"), ("RATCHET_SANDBOX", "strict")])
def test_a_list_or_table_that_is_no_json_is_named_with_an_example(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    message = complaint()
    assert message.startswith(f"{name}: ")
    assert "written as JSON in the environment, like RATCHET_SPLITS=" in message


@pytest.mark.parametrize("raw", [b"seed = ", b"= =", b"\xff\xfe"])
def test_a_settings_file_that_cannot_be_read_is_named(folder: Path, raw: bytes) -> None:
    (folder / "ratchet.toml").write_bytes(raw)
    assert complaint().startswith("ratchet.toml: ")


def test_what_a_run_is_does_not_depend_on_where_and_how_wide_it_runs() -> None:
    changed = load_settings(home=Path("elsewhere"), concurrency=2, require_isolation="full")
    assert changed.that_matter() == load_settings().that_matter()
    assert load_settings(seed=1).that_matter() != changed.that_matter()
    assert set(Settings.model_fields) >= INDEPENDENT


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("RATCHET_MAXCOST_USD", "did you mean RATCHET_MAX_COST_USD?"),
        ("RATCHET_SANDBX__CPU_S", "did you mean RATCHET_SANDBOX"),
        ("RATCHET_XYZZY", "lists the settings"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SetupError, match=re.escape(hint)):
        load_settings()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"splits": ["dev"]}, "splits must be 'train', 'validation' or 'test', not 'dev'"),
        ({"seed": "x"}, "seed must be a whole number, not 'x'"),
        ({"temperature": 3}, "temperature must be at most 2.0, not 3"),
        ({"stream": "perhaps"}, "stream must be true or false, not 'perhaps'"),
        ({"concurency": 4}, "concurency is no setting, did you mean concurrency?"),
        ({"sandbox": {"memory": 1}}, "sandbox.memory is no setting, did you mean sandbox.memory_mb?"),
        ({"roles": {"reflect": {}}}, "roles.reflect.model is missing"),
        (
            {"roles": {"write": {"model": "offline"}}},
            "roles.write must be 'generate', 'reflect', 'review' or 'propose'",
        ),
        ({"prices": {"openai:x": {"input": -1, "output": 1}}}, "prices.openai:x.input must be at least 0"),
    ],
)
def test_a_wrong_value_is_named_in_plain_words(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SetupError, match=re.escape(sentence)):
        load_settings(**given)


def test_a_file_of_variables_adds_what_the_environment_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RATCHET_SEED", "3")
    monkeypatch.setenv("FROM_ENV_FILE_API_KEY", "")  # so that it is taken back after the test
    monkeypatch.delenv("FROM_ENV_FILE_API_KEY")
    (tmp_path / ".env").write_text("RATCHET_SEED=4\nFROM_ENV_FILE_API_KEY=from-the-file\n")
    assert load_settings().seed == 3
    assert os.environ["FROM_ENV_FILE_API_KEY"] == "from-the-file"


def test_a_bad_value_of_the_file_of_variables_is_named_with_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATCHET_EPOCHS", "")  # so that it is taken back after the test
    monkeypatch.delenv("RATCHET_EPOCHS")
    (folder / ".env").write_text("RATCHET_EPOCHS=no\n")
    assert complaint() == "RATCHET_EPOCHS in .env must be a whole number, not 'no'"


def test_of_several_places_the_one_that_counts_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "ratchet.toml").write_text("seed = 1\n[sandbox]\ncpu_s = -1\n")
    monkeypatch.setenv("RATCHET_SEED", "x")
    assert complaint().startswith("RATCHET_SEED must be a whole number")
    assert "; sandbox.cpu_s in ratchet.toml must be more than 0" in complaint()
