"""Which memories are alike, as rounds of care found it: kept as what changed from one round to the next."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, and_, delete, false, func, or_, select

from memory.index import Sight
from memory.writer import CHUNK
from storage.tables import memory_groups

LATEST = 2**31 - 1  # later than any round


def last_round(connection: Connection, sight: Sight) -> int:
    """Return the number of the last round outside of runs, or of the last one in sight; -1 when there was none."""
    query = select(func.max(memory_groups.c.batch)).where(_in_sight(sight, LATEST))
    found: int | None = connection.execute(query).scalar()
    return -1 if found is None else found


def groups_at(connection: Connection, sight: Sight, number: int) -> dict[str, str]:
    """Return the group of every memory that is in one as of a round: an earlier round's where it has not changed."""
    c = memory_groups.c
    query = select(c.memory_id, c.group_id).where(_in_sight(sight, number)).order_by(c.batch)
    found = {row.memory_id: row.group_id for row in connection.execute(query)}
    return {memory_id: group for memory_id, group in found.items() if group}


def store_groups(connection: Connection, sight: Sight, number: int, groups: Mapping[str, str]) -> None:
    """Write down the groups of a round; the same round again replaces what it wrote.

    A run that is forked needs those of every round, so what stays as it was is not written again.
    """
    c = memory_groups.c
    connection.execute(delete(memory_groups).where(c.run_id == sight.run_id, c.batch == number))
    before = groups_at(connection, sight, number)
    changed = {one: groups.get(one, "") for one in {*before, *groups} if groups.get(one) != before.get(one)}
    rows = [
        {"run_id": sight.run_id, "batch": number, "memory_id": one, "group_id": group}
        for one, group in sorted(changed.items())
    ]
    for start in range(0, len(rows), CHUNK):
        connection.execute(memory_groups.insert(), rows[start : start + CHUNK])


def _in_sight(sight: Sight, number: int) -> ColumnElement[bool]:
    """Choose the rows up to a round, of a run and of those that it was forked from."""
    c = memory_groups.c
    if not sight.run_id:
        return and_(c.run_id == "", c.batch <= number)
    line = [and_(c.run_id == run_id, c.batch < end, c.batch <= number) for run_id, end in sight.line.items()]
    return or_(false(), *line)
