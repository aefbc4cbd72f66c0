"""Which episodes' traces have arrived elsewhere, and which are kept here alone."""

from collections.abc import Mapping

from sqlalchemy import case, func, select

from storage.engine import Home, insert_new
from storage.tables import traces


def note_traces(home: Home, run_id: str, delivered: Mapping[str, bool]) -> None:
    """Note for each episode whether its trace arrived; one that has arrived stays so."""
    if not delivered:
        return
    rows = [{"run_id": run_id, "episode_id": one, "delivered": int(arrived)} for one, arrived in delivered.items()]
    arrived = [one for one, there in delivered.items() if there]
    with home.writing() as connection:
        insert_new(connection, traces, rows)
        for start in range(0, len(arrived), 500):
            mine = (traces.c.run_id == run_id) & traces.c.episode_id.in_(arrived[start : start + 500])
            connection.execute(traces.update().where(mine).values(delivered=1))


def trace_counts(home: Home, run_id: str) -> tuple[int, int]:
    """Return how many traces of a run arrived, and how many were lost; (0, 0) where none were sent."""
    lost = func.sum(case((traces.c.delivered == 0, 1), else_=0))
    with home.reading() as connection:
        row = connection.execute(select(func.count(), lost).where(traces.c.run_id == run_id)).one()
    return row[0] - (row[1] or 0), row[1] or 0


def lost_traces(home: Home, run_id: str) -> list[str]:
    """Return the ids of the episodes whose traces did not arrive."""
    query = select(traces.c.episode_id).where(traces.c.run_id == run_id, traces.c.delivered == 0)
    with home.reading() as connection:
        return list(connection.execute(query.order_by(traces.c.episode_id)).scalars())
