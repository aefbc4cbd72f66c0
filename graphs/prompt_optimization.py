"""Prompt optimisation: a periodic graph with a thread of its own."""

from langgraph.graph import END, START, StateGraph

from nodes.promote import promote
from nodes.seed import seed
from runtime.context import Context
from state.periodic import OptimizationState


def prompt_optimization_graph() -> StateGraph[OptimizationState, Context, OptimizationState, OptimizationState]:
    """Build the prompt optimisation graph; the caller compiles it with a saver."""
    graph = StateGraph(OptimizationState, context_schema=Context)
    graph.add_node("seed", seed)
    graph.add_node("promote", promote)
    graph.add_edge(START, "seed")
    graph.add_edge("seed", "promote")
    graph.add_edge("promote", END)
    return graph
