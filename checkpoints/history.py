"""A thread's checkpoints in the order they were written, and copies of them."""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointTuple

from checkpoints.joining import Write
from checkpoints.savers import PLAIN, AnySaver
from state.errors import SetupError
from state.json_values import JsonMapping, JsonObject

BRANCH = "branch:to:"  # how LangGraph names the channel that starts a node
RESUME = "__resume__"  # how it names the write that holds a human's answer


def history(saver: AnySaver, thread_id: str) -> list[CheckpointTuple]:
    """Return the checkpoints that led to a thread's head, the first one first; [] when there is no such thread."""
    config: RunnableConfig = {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}
    saved = list(saver.list(config))  # read at once: the saver is locked while it is iterated
    by_id = {point.checkpoint["id"]: point for point in saved}
    chain: list[CheckpointTuple] = []
    point = saved[0] if saved else None
    while point is not None:
        chain.append(point)
        parent = point.parent_config["configurable"]["checkpoint_id"] if point.parent_config else ""
        point = by_id.get(parent)
    return chain[::-1]


def waiting_nodes(point: CheckpointTuple) -> list[str]:
    """Return the nodes that run next from a checkpoint; [] at the end, and before the input was taken in."""
    return sorted(name[len(BRANCH) :] for name in point.checkpoint["channel_values"] if name.startswith(BRANCH))


def is_step(point: CheckpointTuple) -> bool:
    """Tell whether a checkpoint is what nodes left, rather than an input or somebody's edit."""
    return point.metadata.get("source") == "loop" and point.metadata.get("step", 0) > 0


def values_of(point: CheckpointTuple) -> JsonObject:
    """Return the state in a checkpoint: its channels, without LangGraph's own."""
    values: JsonMapping = point.checkpoint["channel_values"]
    return {name: value for name, value in values.items() if not name.startswith((BRANCH, "__"))}


def point_before(points: Sequence[CheckpointTuple], node: str) -> CheckpointTuple:
    """Return the checkpoint from which a node ran.

    node: its name, or "generate:2" for its second turn, or the beginning of a checkpoint's id.
    Raises SetupError when nothing matches, with what there is.
    """
    name, _, turn = node.partition(":")
    before = [point for point in points if name in waiting_nodes(point)]
    if turn and not turn.isdigit():
        raise SetupError(f"{node!r}: after the colon stands which turn of the node, from 1")
    index = int(turn or 1) - 1
    if before:
        if not 0 <= index < len(before):
            raise SetupError(f"{name} ran {len(before)} time(s) in this thread; there is no turn {turn}")
        return before[index]
    by_id = [point for point in points if point.checkpoint["id"].startswith(node) and waiting_nodes(point)]
    if len(by_id) == 1:
        return by_id[0]
    ran = dict.fromkeys(node for point in points for node in waiting_nodes(point))
    raise SetupError(f"no node {node!r} ran in this thread, and no checkpoint's id begins so; nodes: {', '.join(ran)}")


def copy_point(
    saver: AnySaver,
    point: CheckpointTuple,
    thread_id: str,
    *,
    parent: str | None,
    writes: Collection[str] | None = None,
    metadata: JsonMapping | None = None,
) -> None:
    """Write a checkpoint to another thread, under its own id.

    parent: id of the checkpoint before it. writes: names of pending writes that go with it; None: all, which makes
    the nodes that wrote them count as done. metadata: what to add to the checkpoint's.
    """
    place: JsonObject = {"thread_id": thread_id, "checkpoint_ns": ""}
    config: RunnableConfig = {"configurable": place | ({"checkpoint_id": parent} if parent else {})}
    checkpoint: Checkpoint = point.checkpoint
    about: Any = {**point.metadata, **(metadata or {})}
    written = saver.put(config, checkpoint, about, checkpoint["channel_versions"])
    by_task: dict[str, list[Write]] = {}
    for task_id, channel, value in point.pending_writes or []:
        if writes is None or channel in writes:
            by_task.setdefault(task_id, []).append((channel, value))
    for task_id, pending in by_task.items():
        saver.put_writes(written, pending, task_id)


def copy_thread(source: AnySaver, target: AnySaver, thread_id: str, new_thread_id: str) -> None:
    """Copy a whole thread, pending writes included; the source is only read."""
    _copy_chain(target, history(source, thread_id), new_thread_id)


def copy_until(
    saver: AnySaver,
    points: Sequence[CheckpointTuple],
    last: CheckpointTuple,
    new_thread_id: str,
) -> None:
    """Copy a thread's checkpoints up to one of them, whose nodes then count as not run yet."""
    earlier = points[: points.index(last)]
    _copy_chain(saver, earlier, new_thread_id)
    parent = earlier[-1].checkpoint["id"] if earlier else None
    copy_point(saver, last, new_thread_id, parent=parent, writes=())


def _copy_chain(saver: AnySaver, points: Sequence[CheckpointTuple], thread_id: str) -> None:
    parent = None
    for point in points:
        copy_point(saver, point, thread_id, parent=parent)
        parent = point.checkpoint["id"]


def fingerprint(saver: AnySaver, thread_id: str) -> str:
    """Return a digest of every byte of a thread's checkpoints and writes: equal before and after means untouched."""
    found = hashlib.sha256()
    for point in saver.list({"configurable": {"thread_id": thread_id}}):
        for part in (point.config, point.checkpoint, point.metadata, point.parent_config, point.pending_writes):
            kind, body = PLAIN.dumps_typed(part)  # encrypted, no two are equal
            found.update(kind.encode() + body)
    return found.hexdigest()
