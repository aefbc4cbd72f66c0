"""Making room: removing what runs wrote and care has put away. The audit trail keeps that it was there."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from memory.forget import compact, erase
from memory.record import HIDDEN_STATES
from memory.records import DEFAULT_ACTOR, Records
from memory.writer import CHUNK
from storage.engine import Home
from storage.tables import memories, runs


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or would be."""

    memory_ids: Sequence[str]
    size_bytes: int  # of their texts
    in_use: int  # memories that would have gone as well, if no unfinished run could still see them


def prune(
    records: Records,
    *,
    older_than_s: float = 0.0,
    keep: int = 0,
    rehearse: bool = False,
    actor: str = DEFAULT_ACTOR,
) -> Pruned:
    """Remove memories of runs that are archived or stand in a summary, and give their room back.

    older_than_s: so long they have been put away, in seconds. keep: the newest n of them stay. What a user or an agent
    said stays, and so does what an unfinished run that began before may still see. Removed are rows, versions, vectors
    and links, a part at a time: after an interruption the same call removes the rest. Texts that quote them stay: to
    have a text gone everywhere there is `memory.forget.forget`.
    Raises TransientError when another process is reading, so that the file keeps its size: then run it again.
    """
    old, in_use = _put_away(records.home, records.now() - older_than_s, keep)
    pruned = Pruned([memory_id for memory_id, _ in old], sum(size for _, size in old), in_use)
    if rehearse:
        return pruned
    for start in range(0, len(old), CHUNK):
        with records.changing(actor=actor) as writer:
            erase(writer, writer.read(pruned.memory_ids[start : start + CHUNK]))
    compact(records.home)
    return pruned


def _put_away(home: Home, before: float, keep: int) -> tuple[list[tuple[str, int]], int]:
    """Return (id, bytes) of what was put away before a time, but for the newest, and how many more a run may see."""
    c = memories.c
    size = func.length(c.text) + func.length(c.code) + func.length(c.attributes)
    hidden = select(c.memory_id, size, c.updated_at).where(c.run_id != "", c.state.in_(sorted(HIDDEN_STATES)))
    with home.reading() as connection:
        began = connection.execute(select(func.min(runs.c.started_at)).where(runs.c.status != "done")).scalar()
        rows = connection.execute(hidden.order_by(c.updated_at.desc(), c.memory_id)).all()
    old = [row for row in rows[keep:] if row[2] <= before]
    free = [(row[0], row[1]) for row in old if began is None or row[2] < began]
    return free, len(old) - len(free)
