"""Count what the memory holds."""

from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.context import Context


class ExamineReads(TypedDict):
    """What the node reads."""

    run_id: str


class ExamineWrites(TypedDict):
    """What the node writes."""

    memories: int


def examine(state: ExamineReads, runtime: Runtime[Context]) -> ExamineWrites:
    """Note how far the memory's log has grown."""
    return {"memories": runtime.context.memory.watermark()}
