"""Memory care: a periodic graph with a thread of its own."""

from langgraph.graph import END, START, StateGraph

from nodes.cluster import cluster
from nodes.consolidate import consolidate
from nodes.credit import credit
from nodes.decay import decay
from nodes.retire import retire
from nodes.thin import thin
from runtime.context import Context
from state.periodic import CareState


def memory_care_graph() -> StateGraph[CareState, Context, CareState, CareState]:
    """Build the memory care graph; the caller compiles it with a saver."""
    graph = StateGraph(CareState, context_schema=Context)
    graph.add_node("credit", credit)
    graph.add_node("retire", retire)
    graph.add_node("thin", thin)
    graph.add_node("decay", decay)
    graph.add_node("cluster", cluster)
    graph.add_node("consolidate", consolidate)
    graph.add_edge(START, "credit")
    graph.add_edge("credit", "retire")
    graph.add_edge("retire", "thin")
    graph.add_edge("thin", "decay")
    graph.add_edge("decay", "cluster")
    graph.add_edge("cluster", "consolidate")
    graph.add_edge("consolidate", END)
    return graph
