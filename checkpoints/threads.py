"""Drive a LangGraph thread to its end, whether it is new, half done or finished."""

from collections.abc import Callable
from typing import Any, TypeAlias

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph, StateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, Durability

from state.errors import SetupError, WaitingError
from state.json_values import JsonMapping, JsonObject

DURABILITY: Durability = "sync"  # a kill re-runs at most the one node that was under way
RECURSION_LIMIT = 200

AnyGraph: TypeAlias = StateGraph[Any, Any, Any, Any]
"""A graph of any state and context, not compiled yet."""
AnyCompiledGraph: TypeAlias = CompiledStateGraph[Any, Any, Any, Any]
"""A graph of any state and context that can run."""


def thread_config(thread_id: str, graph_version: str, recursion_limit: int = RECURSION_LIMIT) -> RunnableConfig:
    """Return the config of a thread; it is stored in plain text, so it holds ids only."""
    return {
        "configurable": {"thread_id": thread_id},
        "metadata": {"graph_version": graph_version},
        "recursion_limit": recursion_limit,
        "max_concurrency": 1,  # threads per invocation beside its own: they only save, in the order of the steps
    }


def no_answer(_thread_id: str) -> None:
    """Know of no answer."""


def drive(
    graph: AnyCompiledGraph,
    config: RunnableConfig,
    start: JsonObject,
    context: Any,
    control: RunControl | None = None,
    *,
    answer_to: Callable[[str], Any] = no_answer,
) -> JsonObject:
    """Start the thread, or continue it where it stopped, and return its final state. A finished thread is only read.

    answer_to: what a person answered to the thread of that id, None while they have not; asked when it waits for one.
    Raises SetupError when another version of the graph began the thread; what the nodes raise; GraphDrained
    when `control` asked to stop; WaitingError when the thread waits for an answer.
    """
    saver = graph.checkpointer if isinstance(graph.checkpointer, BaseCheckpointSaver) else None
    found = saver.get_tuple(config) if saver else None
    if found is not None:
        snapshot = graph.get_state(config)
        if not snapshot.tasks:  # not `next`: that is empty too after a crash between two writes
            return dict(snapshot.values)
        _refuse_other_version(config, found.metadata)
    durability = DURABILITY if saver else None  # LangGraph warns of one that has no effect
    step: Any = start if found is None else None
    while True:
        state = dict(graph.invoke(step, config, context=context, durability=durability, control=control))
        if "__interrupt__" not in state:
            return state
        thread_id = config["configurable"]["thread_id"]
        answer = answer_to(thread_id)
        if answer is None:
            raise WaitingError(f"{thread_id} waits for an answer: `ratchet pending` lists what waits")
        step = Command(resume=answer)


def _refuse_other_version(config: RunnableConfig, metadata: JsonMapping) -> None:
    wanted = config["metadata"]["graph_version"]
    found = metadata.get("graph_version", wanted)
    if found != wanted:
        thread = config["configurable"]["thread_id"]
        raise SetupError(
            f"thread {thread} was begun by another version of this graph ({found}, now {wanted}) and cannot "
            "be continued. Start afresh with another --seed or --home"
        )
