"""What LangGraph Studio and `langgraph dev` open: the graphs with a context that needs no argument.

Compiled without a checkpointer: the server brings its own.
"""

from typing import Any

from langgraph.graph.state import CompiledStateGraph

from graphs.episode import episode_graph
from graphs.learning_loop import learning_loop_graph


def episode() -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the episode graph."""
    return episode_graph().compile(name="episode")


def learning_loop() -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the learning loop."""
    return learning_loop_graph().compile(name="learning_loop")
