"""Prompt optimisation: GEPA's loop with a checkpoint after every node, on a thread of its own."""

from collections.abc import Hashable

from langgraph.graph import END, START, StateGraph

from graphs.episode import RETRY
from graphs.routing import after_child, after_gate, after_parent, after_proposal, after_select, after_validation
from nodes.diagnose import diagnose
from nodes.gate import gate
from nodes.promote import promote
from nodes.propose_prompt import propose_prompt
from nodes.run_child import run_child
from nodes.run_parent import run_parent
from nodes.seed import seed
from nodes.select import select
from nodes.validate_prompt import validate_prompt
from runtime.context import Context
from state.optimization import OptimizationState

Graph = StateGraph[OptimizationState, Context, OptimizationState, OptimizationState]


def prompt_optimization_graph() -> Graph:
    """Build the prompt optimisation graph; the caller compiles it with a saver."""
    graph: Graph = StateGraph(OptimizationState, context_schema=Context)
    graph.add_node("seed", seed, retry_policy=RETRY)
    graph.add_node("select", select)
    graph.add_node("run_parent", run_parent, retry_policy=RETRY)
    graph.add_node("diagnose", diagnose)
    graph.add_node("propose_prompt", propose_prompt)
    graph.add_node("run_child", run_child, retry_policy=RETRY)
    graph.add_node("gate", gate)
    graph.add_node("validate_prompt", validate_prompt, retry_policy=RETRY)
    graph.add_node("promote", promote, retry_policy=RETRY)
    graph.add_edge(START, "seed")
    graph.add_edge("seed", "select")
    graph.add_conditional_edges("select", after_select, _to("run_parent", "promote"))
    graph.add_conditional_edges("run_parent", after_parent, _to("diagnose", "promote"))
    graph.add_edge("diagnose", "propose_prompt")
    graph.add_conditional_edges("propose_prompt", after_proposal, _to("run_child", "select", "promote"))
    graph.add_conditional_edges("run_child", after_child, _to("gate", "promote"))
    graph.add_conditional_edges("gate", after_gate, _to("validate_prompt", "select"))
    graph.add_conditional_edges("validate_prompt", after_validation, _to("select", "promote"))
    graph.add_edge("promote", END)
    return graph


def _to(*nodes: str) -> dict[Hashable, str]:
    return {node: node for node in nodes}
