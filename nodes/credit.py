"""Let the rewards of episodes flow back to the memories that they were shown."""

import math
from collections.abc import Sequence
from typing import TypedDict

from langgraph.runtime import Runtime

from memory.credit import Shown
from runtime.care import care_before
from runtime.context import Context
from state.ledger import Trained
from state.memory_item import Horizon

WINDOW = 500  # episodes that new ones are compared with, at least


class CreditReads(TypedDict):
    """What the node reads."""

    horizon: Horizon


class CreditWrites(TypedDict):
    """What the node writes."""

    since: int
    credited: int


def credit(state: CreditReads, runtime: Runtime[Context]) -> CreditWrites:
    """Note the rewards of the train episodes since the last round of care: held-out ones teach nothing."""
    context, horizon = runtime.context, state["horizon"]
    run_id, batch = horizon["run_id"], horizon["batch"]
    since = context.memory.watermark()
    tended = max((at for at, _ in context.ledger.care_of(run_id) if at < batch), default=0)
    first = min(tended, max(batch - math.ceil(WINDOW / context.settings.batch_size), 0))
    rows = context.ledger.trained(run_id, range(first, batch))
    new = [row for row in rows if row["batch"] >= tended]
    return {"since": since, "credited": care_before(horizon, context).credit(_shown(new, run_id), _shown(rows, run_id))}


def _shown(rows: Sequence[Trained], run_id: str) -> list[Shown]:
    return [
        Shown(
            episode_id=row["episode_id"],
            task=row["task"],
            memory_ids=frozenset(row["memories"]),
            reward=row["reward"],
            repaired=row["attempts"] > 1,
            finder=run_id if row["found"] else "",
        )
        for row in rows
    ]
