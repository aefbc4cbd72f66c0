"""Task proposal: ask for tasks, run their references, check them, admit them; until there are enough."""

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy

from graphs.routing import after_admit
from nodes.admit import admit
from nodes.propose import propose
from nodes.solve_reference import solve_reference
from nodes.validate import validate
from runtime.proposing import ProposalContext
from state.errors import TransientError
from state.proposal import ProposalState, SeriesRef

RETRY = RetryPolicy(retry_on=TransientError, max_attempts=4, initial_interval=1.0, backoff_factor=4.0)


def task_proposal_graph() -> StateGraph[ProposalState, ProposalContext, ProposalState, ProposalState]:
    """Build the task-proposal graph; the caller compiles it with a saver."""
    graph: StateGraph[ProposalState, ProposalContext, Any, Any] = StateGraph(
        ProposalState, context_schema=ProposalContext
    )
    graph.add_node("propose", propose, retry_policy=RETRY)
    graph.add_node("solve_reference", solve_reference, retry_policy=RETRY)
    graph.add_node("validate", validate, retry_policy=RETRY)
    graph.add_node("admit", admit, retry_policy=RETRY)
    graph.add_edge(START, "propose")
    graph.add_edge("propose", "solve_reference")
    graph.add_edge("solve_reference", "validate")
    graph.add_edge("validate", "admit")
    graph.add_conditional_edges("admit", after_admit, {"propose": "propose", "end": END})
    return graph


def first_proposal_state(series: SeriesRef) -> ProposalState:
    """Return the state in which a series begins."""
    return {"series": series, "progress": {"proposed": 0, "admitted": 0, "refused": {}}, "batch": [], "admitted": ""}
