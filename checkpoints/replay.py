"""Replay: execute every node of a saved thread once more, each from the state that it had, and compare.

Each node starts from its own recorded checkpoint, on a copy in memory. So a difference is reported at the node that
makes it, and at no node after it; and where no node differs, and each leads to the same next one, the thread as a whole
ends the same.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver

from checkpoints.differences import MEASURED, Difference, differences
from checkpoints.history import RESUME, copy_point, history, is_step, values_of, waiting_nodes
from checkpoints.savers import AnySaver
from checkpoints.threads import AnyGraph
from state.errors import SetupError

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())  # the report tells it, standard error need not

ContextOf = Callable[[CheckpointTuple, CheckpointTuple], Any]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One node executed again."""

    node: str
    """Several names with a comma where nodes ran side by side."""
    checkpoint_id: str
    """Of the checkpoint that it started from."""
    differences: list[Difference]
    raised: str
    """The error that it ended with this time; "" when it did not."""

    @property
    def is_same(self) -> bool:
        """Whether the node did what was recorded."""
        return not self.differences and not self.raised


@dataclass(frozen=True, kw_only=True)
class ThreadReplay:
    """A thread executed again, node by node."""

    thread_id: str
    steps: list[Step]

    @property
    def is_same(self) -> bool:
        """Whether every node did what was recorded."""
        return all(step.is_same for step in self.steps)


def replay_thread(
    graph: AnyGraph,
    saver: AnySaver,
    thread_id: str,
    context_of: ContextOf,
    excluded: Collection[str] = MEASURED,
) -> ThreadReplay:
    """Execute every node of a thread again and compare what it leaves, and where it leads, with what was recorded.

    context_of: makes the context of one step from the checkpoints before and after it. What people answered when the
    thread asked them is replayed, too. Nothing is written to `saver`.
    Raises SetupError when there is no such thread, and when a node meets a setup problem.
    """
    points = history(saver, thread_id)
    if not points:
        raise SetupError(f"no checkpoints of {thread_id}: nothing to replay (pruned, or never begun)")
    player = _Player(graph, thread_id, excluded)
    steps = [
        player.play(before, after, context_of(before, after)) for before, after in pairwise(points) if is_step(after)
    ]
    return ThreadReplay(thread_id=thread_id, steps=steps)


class _Player:
    """Executes single steps of a thread on copies in memory."""

    def __init__(self, graph: AnyGraph, thread_id: str, excluded: Collection[str]) -> None:
        self._copies = InMemorySaver()
        self._graph = graph.compile(checkpointer=self._copies)
        self._thread_id = thread_id
        self._excluded = excluded

    def play(self, before: CheckpointTuple, after: CheckpointTuple, context: Any) -> Step:
        """Execute what ran between two checkpoints."""
        nodes, checkpoint_id = waiting_nodes(before), before.checkpoint["id"]
        absent = [name for name in nodes if name not in self._graph.nodes]
        found: list[Difference] = []
        raised = f"this version of the graph has no node {absent[0]}" if absent else ""
        if not absent:
            now, raised = self._run(before, ", ".join(nodes), context)
            found = [] if raised else self._compare(after, now)
        return Step(node=", ".join(nodes), checkpoint_id=checkpoint_id, differences=found, raised=raised)

    def _run(self, before: CheckpointTuple, node: str, context: Any) -> tuple[CheckpointTuple | None, str]:
        """Run the nodes that wait in a checkpoint; return the checkpoint they leave, if any, and what they raised."""
        self._copies.delete_thread(self._thread_id)
        copy_point(self._copies, before, self._thread_id, parent=None, writes=(RESUME,))
        config: RunnableConfig = {"configurable": {"thread_id": self._thread_id}}
        try:
            self._graph.invoke(None, config, context=context, interrupt_after="*", durability="sync")
        except SetupError:
            raise
        except Exception as error:
            log.exception("a replayed node raised", extra={"thread_id": self._thread_id, "node": node})
            return None, f"{type(error).__name__}: {error}"
        now = self._copies.get_tuple(config)
        return (now if now and now.checkpoint["id"] != before.checkpoint["id"] else None), ""

    def _compare(self, after: CheckpointTuple, now: CheckpointTuple | None) -> list[Difference]:
        if now is None:
            return [Difference(path="(the node)", recorded="ran to its end", replayed="waits for an answer")]
        found = differences(values_of(after), values_of(now), self._excluded)
        leads = [", ".join(waiting_nodes(point)) or "(the end)" for point in (after, now)]
        if leads[0] != leads[1]:
            found.append(Difference(path="next node", recorded=leads[0], replayed=leads[1]))
        return found
