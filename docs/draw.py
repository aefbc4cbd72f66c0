"""Draw the compiled graphs into docs/graphs.md: `make docs`. A test keeps the file true."""

from pathlib import Path

from graphs.episode import episode_graph
from graphs.learning_loop import learning_loop_graph
from graphs.memory_care import memory_care_graph
from graphs.prompt_optimization import prompt_optimization_graph
from graphs.task_proposal import task_proposal_graph

FILE = Path(__file__).parent / "graphs.md"
GRAPHS = {
    "episode": (episode_graph, "One thread per task and repeat. Its id is the digest of the episode's key."),
    "learning_loop": (learning_loop_graph, "One thread per run. `supervise` decides what is due."),
    "prompt_optimization": (prompt_optimization_graph, "Started by `optimise_prompts`, on a thread of its own."),
    "memory_care": (memory_care_graph, "Started by `tend_memory`, on a thread of its own."),
    "task_proposal": (task_proposal_graph, "`ratchet propose`: one thread per series, a batch of proposals per round."),
}
HEAD = """# The graphs

Generated from the compiled graphs by `make docs`; do not edit. Every node is a function of the same name in `nodes/`
(the periodic steps of the learning loop are in `graphs/learning_loop.py`), every state type is in `state/`.

A node that runs again (a retry, a resume, a replay) has the same effect once: rows and memories have keyed causes.
Large texts (messages, answers, programs, reports) are in the content store; the state holds their addresses, so that a
checkpoint after every node stays small. `langgraph dev` opens `episode` and `learning_loop` from `langgraph.json`.

## From Python

The graphs are plain LangGraph. They need a context, `Context()` for the home and the settings of the working
directory, and an episode's specification to begin with, which a saved episode has in its state.

```python
from langgraph.checkpoint.memory import InMemorySaver

from graphs.episode import episode_graph
from runtime.context import Context
from workbench import Workbench

bench, context = Workbench(".ratchet"), Context()
saved = episode_graph().compile(checkpointer=bench.saver)
episode_id = bench.thread_of("3f2a")  # the beginning of an episode's id
for point in saved.get_state_history({"configurable": {"thread_id": episode_id}}):
    print(point.next, list(point.values))

graph = episode_graph().compile(checkpointer=InMemorySaver())
mine = {"configurable": {"thread_id": "mine"}}
start = {"episode": saved.get_state({"configurable": {"thread_id": episode_id}}).values["episode"]}
for update in graph.stream(start, mine, context=context, interrupt_before=["execute"]):
    print(update)
attempts = graph.get_state(mine).values["attempts"]
[code] = context.contents.put("def add(a, b):\n    return a + b\n")  # the state holds addresses of texts
graph.update_state(mine, {"attempts": [*attempts[:-1], {**attempts[-1], "code": code}]})
print(graph.invoke(None, mine, context=context)["reward"])
```

An episode that has its result teaches nobody when it is run again on another thread, so the finished run stays as it
was. `fork` of `workbench` and `ratchet fork` do this with saved checkpoints and note where the copy comes from
([replay.md](replay.md)).
"""


def document() -> str:
    """Return the text of docs/graphs.md."""
    parts = [HEAD]
    for name, (build, what) in GRAPHS.items():
        drawing = build().compile().get_graph().draw_mermaid()
        parts.append(f"## {name}\n\n{what}\n\n```mermaid\n{drawing.strip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
