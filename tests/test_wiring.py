"""What nodes say they read and write are channels: LangGraph drops unknown keys without a word."""

import inspect
from typing import Any, get_type_hints

import pytest
from langgraph.graph import StateGraph

from graphs.episode import episode_graph
from graphs.learning_loop import learning_loop_graph
from graphs.memory_care import memory_care_graph
from graphs.prompt_optimization import prompt_optimization_graph
from graphs.task_proposal import task_proposal_graph
from state.episode import EpisodeState
from state.learning import LearningState
from state.optimization import OptimizationState
from state.periodic import CareState
from state.proposal import ProposalState

GRAPHS = [
    (episode_graph, EpisodeState),
    (learning_loop_graph, LearningState),
    (prompt_optimization_graph, OptimizationState),
    (memory_care_graph, CareState),
    (task_proposal_graph, ProposalState),
]
NODES = [
    pytest.param(node.runnable.func, get_type_hints(state), id=f"{state.__name__}:{name}")
    for build, state in GRAPHS
    for name, node in build().nodes.items()
]


@pytest.mark.parametrize(("node", "channels"), NODES)
def test_a_node_reads_and_writes_channels_only(node: Any, channels: dict[str, Any]) -> None:
    original = inspect.unwrap(node)
    hints = get_type_hints(original)
    reads, writes = get_type_hints(hints["state"]), get_type_hints(hints["return"])

    assert set(reads) <= set(channels)
    assert set(writes) <= set(channels)


@pytest.mark.parametrize(("build", "state"), GRAPHS)
def test_a_graph_has_no_channel_that_its_state_does_not_name(build: Any, state: Any) -> None:
    graph: StateGraph[Any, Any, Any, Any] = build()

    assert {name for name in graph.channels if not name.startswith("__")} == set(get_type_hints(state))
