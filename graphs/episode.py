"""The episode graph: one task, up to k attempts, then review, reward, remember."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy

from graphs.routing import after_execute, after_reward
from nodes.ask import ask
from nodes.execute import execute
from nodes.generate import generate
from nodes.reflect import reflect
from nodes.remember import remember
from nodes.retrieve import retrieve
from nodes.review import review
from nodes.reward import reward
from runtime.context import Context
from state.episode import EpisodeState
from state.errors import ExhaustedError, SetupError, TransientError

Node = TypeVar("Node", bound=Callable[..., Any])


def is_passing(error: Exception) -> bool:
    """Tell whether a node that raised this may succeed at once; model calls have been tried again already."""
    return isinstance(error, TransientError) and not isinstance(error, ExhaustedError)


RETRY = RetryPolicy(retry_on=is_passing, max_attempts=4, initial_interval=1.0, backoff_factor=4.0)


def episode_graph(context: type[Any] = Context) -> StateGraph[EpisodeState, Context, EpisodeState, EpisodeState]:
    """Build the episode graph; the caller compiles it with a saver."""
    graph = StateGraph(EpisodeState, context_schema=context)
    graph.add_node("retrieve", told(retrieve))
    graph.add_node("generate", told(generate), retry_policy=RETRY)
    graph.add_node("execute", told(execute), retry_policy=RETRY)
    graph.add_node("reflect", told(reflect))
    graph.add_node("review", told(review), retry_policy=RETRY)
    graph.add_node("reward", told(reward))
    graph.add_node("ask", told(ask))
    graph.add_node("remember", told(remember), retry_policy=RETRY)
    graph.add_edge(START, "retrieve")
    graph.add_edge("retrieve", "generate")
    graph.add_edge("generate", "execute")
    graph.add_conditional_edges("execute", after_execute)
    graph.add_edge("reflect", "generate")
    graph.add_edge("review", "reward")
    graph.add_conditional_edges("reward", after_reward)
    graph.add_edge("ask", "remember")
    graph.add_edge("remember", END)
    return graph


def told(node: Node) -> Node:
    """Tell whoever watches the run that the node begins."""

    @functools.wraps(node)
    def telling(state: Any, runtime: Runtime[Context]) -> Any:
        if runtime.context is None:
            raise SetupError("the graph needs services: pass context=Context() of runtime.context when you run it")
        info = runtime.execution_info
        thread = info.thread_id if info else None
        runtime.context.events({"kind": "node_started", "node": node.__name__, "episode_id": thread or ""})
        return node(state, runtime)

    return cast("Node", telling)  # the same signature, which LangGraph reads
