"""LangGraph Studio opens both graphs: without argument, with schemas for its forms."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from graphs.studio import StudioContext

ROOT = Path(__file__).parents[2]
GRAPHS = json.loads((ROOT / "langgraph.json").read_text("utf-8"))["graphs"]


@pytest.mark.parametrize("name", ["episode", "learning_loop"])
def test_a_graph_of_langgraph_json_has_schemas_for_input_and_context(name: str) -> None:
    file, _, factory = GRAPHS[name].partition(":")
    graph = getattr(import_module(file.removeprefix("./").removesuffix(".py").replace("/", ".")), factory)()

    assert "properties" in graph.get_input_jsonschema()
    assert set(graph.get_context_jsonschema()["properties"]) == {"model_name", "home_folder"}


def test_a_context_is_made_without_opening_anything(tmp_path: Path) -> None:
    StudioContext(home_folder=str(tmp_path / "home"))

    assert not (tmp_path / "home").exists()


def test_a_context_gives_every_service_that_nodes_use(tmp_path: Path) -> None:
    context = StudioContext(home_folder=str(tmp_path / "home"))

    assert context.settings.home == tmp_path / "home"
    assert context.run_episodes([], "train:0000") == {"finished": [], "unscored": []}
