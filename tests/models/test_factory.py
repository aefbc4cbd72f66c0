import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel

from models.factory import ModelSpec, make_model, model_id
from models.names import PROVIDERS
from state.errors import SetupError


@pytest.mark.parametrize("name", ["gpt-5", "openai", "openai:", "recorded:", "Offline", "", "mistral:small"])
def test_an_unknown_model_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(SetupError, match=f"unknown model '{name}'. Models: offline, recorded:FILE, openai:NAME"):
        make_model(ModelSpec(name=name))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_missing_key_is_named_with_the_model_that_needs_none(provider: str) -> None:
    key = PROVIDERS[provider][0]
    with pytest.raises(SetupError, match=f"{provider}:x needs a key: set {key} in the environment.*--model offline"):
        make_model(ModelSpec(name=f"{provider}:x"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_built_with_the_key_and_leaves_retries_to_us(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROVIDERS[provider][0], "secret")
    model = make_model(ModelSpec(name=f"{provider}:x", temperature=0.5, timeout_s=3.0))
    assert (model.max_retries, model.temperature) == (0, 0.5)  # type: ignore[attr-defined]
    assert "secret" not in repr(model)


def test_a_server_of_ones_own_needs_no_key() -> None:
    model = make_model(ModelSpec(name="openai:x", base_url="http://127.0.0.1:9/v1"))
    assert model.openai_api_base == "http://127.0.0.1:9/v1"  # type: ignore[attr-defined]


def test_the_model_id_tells_apart_what_answers_differently() -> None:
    specs = [
        ModelSpec(),
        ModelSpec(budget=5),
        ModelSpec(name="openai:x"),
        ModelSpec(name="openai:x", temperature=0.5),
        ModelSpec(name="openai:x", base_url="http://a/v1"),
    ]
    ids = [model_id(FakeListChatModel(responses=[]), spec) for spec in specs]
    assert len(set(ids)) == len(specs)
    assert model_id(FakeListChatModel(responses=[]), ModelSpec(timeout_s=1.0, workers=1)) == ids[0]


def test_the_offline_model_needs_no_providers_package() -> None:
    code = (
        "import sys; from models.factory import ModelSpec, make_model; make_model(ModelSpec()); "
        "assert not {'openai', 'anthropic', 'langchain_openai', 'langchain_anthropic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
