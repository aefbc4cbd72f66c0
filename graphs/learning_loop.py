"""The learning loop: batches of train episodes, periodic optimisation and care, measurements on held-out tasks."""

from collections.abc import Hashable
from contextvars import copy_context
from typing import Any, TypedDict, cast

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from checkpoints.threads import drive, thread_config
from graphs.memory_care import memory_care_graph
from graphs.prompt_optimization import prompt_optimization_graph
from graphs.routing import after_supervise
from graphs.version import graph_version
from nodes.measure_held_out import measure_held_out
from nodes.plan_batch import plan_batch
from nodes.run_episodes import run_episodes
from nodes.supervise import supervise
from runtime.context import Context
from runtime.episodes import horizon_at
from state.json_values import JsonObject
from state.learning import LearningState, Progress, RunRef
from state.ledger import RunRow
from state.optimization import OptimizationRef
from state.periodic import CareCounts
from storage.contents import digest_of

STEPS_OF_A_PERIOD = 100_000  # super-steps: an iteration of prompt optimisation takes at least six
STEPS: dict[Hashable, str] = {
    "plan_batch": "plan_batch",
    "optimise_prompts": "optimise_prompts",
    "tend_memory": "tend_memory",
    "measure_held_out": "measure_held_out",
    "end": END,
}


def learning_loop_graph(
    context: type[Any] = Context,
) -> StateGraph[LearningState, Context, LearningState, LearningState]:
    """Build the learning loop; the caller compiles it with a saver."""
    graph = StateGraph(LearningState, context_schema=context)
    graph.add_node("supervise", supervise)
    graph.add_node("plan_batch", plan_batch)
    graph.add_node("run_episodes", run_episodes)
    graph.add_node("optimise_prompts", optimise_prompts)
    graph.add_node("tend_memory", tend_memory)
    graph.add_node("measure_held_out", measure_held_out)
    graph.add_edge(START, "supervise")
    graph.add_conditional_edges("supervise", after_supervise, STEPS)
    graph.add_edge("plan_batch", "run_episodes")
    for node in ("run_episodes", "optimise_prompts", "tend_memory", "measure_held_out"):
        graph.add_edge(node, "supervise")
    return graph


def first_state(run: RunRef, prompt_set: str) -> LearningState:
    """Return the state in which a run begins."""
    progress: Progress = {
        "batches": 0,
        "episodes": 0,
        "solved": 0,
        "unscored": 0,
        "measured_at": -1,
        "optimised_at": 0,
        "tended_at": 0,
    }
    return {"run": run, "progress": progress, "prompt_set": prompt_set}


class PeriodicReads(TypedDict):
    """What the periodic steps read."""

    run: RunRef
    progress: Progress
    prompt_set: str


class OptimisePromptsWrites(TypedDict):
    """What `optimise_prompts` writes."""

    prompt_set: str
    progress: Progress


class TendMemoryWrites(TypedDict):
    """What `tend_memory` writes."""

    progress: Progress


def optimise_prompts(state: PeriodicReads, runtime: Runtime[Context]) -> OptimisePromptsWrites:
    """Run the prompt optimisation graph on a thread of this run and period, and use what it promotes.

    Its rollouts see the memories of this moment, as the run's next episodes do, and leave none. Test tasks are not
    measured here: the run does that by itself.
    """
    context, run, progress = runtime.context, state["run"], state["progress"]
    horizon, snapshot = horizon_at(run, progress["batches"], context)
    of = f"{run['run_id']}:{progress['episodes']}"
    ref: OptimizationRef = {
        "run_id": f"opt-{digest_of(of)[:10]}",
        "tasks": run["tasks"],
        "prompt_set": state["prompt_set"],
        "model": run["model"],
        "conditions": run["conditions"],
        "horizon": horizon,
        "memory_snapshot": snapshot,
        "seed": context.settings.seed + progress["episodes"],
        "measure_test": False,
    }
    if "promote" in context.settings.ask:
        ref["ask"] = True
    context.ledger.begin_run(_run_row(ref["run_id"], of, context))
    started, status = context.clock(), "stopped"
    try:
        end = _period(prompt_optimization_graph(), "optimise_prompts", state, {"optimization": ref}, context)
        status = "done"
    finally:
        context.ledger.end_run(ref["run_id"], status, context.clock(), context.clock() - started)
    return {"prompt_set": end["ending"]["promoted"], "progress": {**progress, "optimised_at": progress["episodes"]}}


def _run_row(run_id: str, of: str, context: Context) -> RunRow:
    """Return the row under which an optimisation is listed."""
    settings = {**context.settings.that_matter(), "task_file": f"optimises {of}", "n_tasks": 0}
    return {
        "run_id": run_id,
        "settings": settings,
        "status": "running",
        "started_at": context.clock(),
        "ended_at": None,
        "active_s": 0.0,
    }


def tend_memory(state: PeriodicReads, runtime: Runtime[Context]) -> TendMemoryWrites:
    """Run the memory care graph on a thread of this run and period, and write down what it did."""
    context, run, progress = runtime.context, state["run"], state["progress"]
    horizon, _ = horizon_at(run, progress["batches"], context)
    start = {"run_id": run["run_id"], "period": progress["episodes"], "horizon": horizon}
    end = _period(memory_care_graph(), "tend_memory", state, start, context)
    done = {name: value for name, value in end.items() if name in CareCounts.__annotations__}
    counts = cast("CareCounts", {**done, "episodes": progress["episodes"]})
    context.ledger.note_care(run["run_id"], progress["batches"], counts)
    return {"progress": {**progress, "tended_at": progress["episodes"]}}


def _period(
    graph: StateGraph[Any, Context, Any, Any], name: str, state: PeriodicReads, start: JsonObject, context: Context
) -> JsonObject:
    """Drive a periodic graph to its end: a thread of its own, so that it is continued and read by itself.

    Apart from the node that it is started by: LangGraph would take it for a part of that node's thread, and a question
    that it asks for one that the learning loop asks. Raises WaitingError while it waits for a person.
    """
    run_id, period = state["run"]["run_id"], state["progress"]["episodes"]
    config = thread_config(f"{run_id}:{name}:{period:06d}", graph_version(graph), STEPS_OF_A_PERIOD)
    compiled = graph.compile(checkpointer=context.checkpointer)

    def apart() -> JsonObject:
        var_child_runnable_config.set(None)
        return drive(compiled, config, start, context, answer_to=context.questions.answer_to)

    end = copy_context().run(apart)
    if "promote" in context.settings.ask:
        context.questions.close(config["configurable"]["thread_id"])  # not before: a kill would lose the answer
    return end
