"""The memory care of a run: what its steps share."""

from memory.care import Care
from runtime.context import Context
from state.memory_item import Horizon


def care_before(horizon: Horizon, context: Context) -> Care:
    """Return the round of care before a horizon's batch. Its time counts in episodes, and begins with the run.

    That of a fork begins with its first original.
    """
    ancestors = horizon.get("ancestors")
    run = context.ledger.run(ancestors[-1]["run_id"] if ancestors else horizon["run_id"])
    began = run["started_at"] if run else context.clock()
    return context.memory.care(horizon, began=began)
