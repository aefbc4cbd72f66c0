"""Memory care: a periodic graph with a thread of its own."""

from langgraph.graph import END, START, StateGraph

from nodes.examine import examine
from runtime.context import Context
from state.periodic import CareState


def memory_care_graph() -> StateGraph[CareState, Context, CareState, CareState]:
    """Build the memory care graph; the caller compiles it with a saver."""
    graph = StateGraph(CareState, context_schema=Context)
    graph.add_node("examine", examine)
    graph.add_edge(START, "examine")
    graph.add_edge("examine", END)
    return graph
