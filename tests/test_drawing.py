"""The documented graphs are the graphs."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_documented_drawings_are_those_of_the_compiled_graphs() -> None:
    spec = importlib.util.spec_from_file_location("draw", ROOT / "docs" / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)

    assert (ROOT / "docs" / "graphs.md").read_text("utf-8") == draw.document(), "run `make docs`"


@pytest.mark.parametrize("node", ["retrieve", "generate", "execute", "reflect", "review", "reward", "remember"])
def test_every_stage_is_named_alike_as_file_function_and_node(node: str) -> None:
    from graphs.episode import episode_graph

    module = importlib.import_module(f"nodes.{node}")

    assert getattr(module, node).__name__ == node
    assert node in episode_graph().nodes
