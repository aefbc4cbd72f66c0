"""The memory care of a run: what its steps share."""

from memory.care import Care
from runtime.context import Context
from state.memory_item import Horizon


def care_before(horizon: Horizon, context: Context) -> Care:
    """Return the round of care before a horizon's batch. Its time begins with the run, and counts in episodes."""
    run = context.ledger.run(horizon["run_id"])
    began = run["started_at"] if run else context.clock()
    return context.memory.care(horizon, began=began)
