"""The money of a run, as every process that spends it sees it: what is paid, what calls under way may still cost."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from storage.engine import Home
from storage.tables import calls_under_way, model_use

COST = "cost_usd"
DEAREST = "dearest_usd"
"""Measure of model_use: the dearest answer so far."""


@dataclass(frozen=True, kw_only=True)
class Purse:
    """What a run has paid and promised."""

    spent: float
    """US dollars."""
    dearest: Mapping[str, float]
    """By model that has answered: its dearest answer, in US dollars."""
    under_way: Mapping[str, int]
    """Calls by model."""


def begin_call(home: Home, call: Mapping[str, str], may_go: Callable[[Purse], bool]) -> bool:
    """Note that a call is under way if `may_go` says so; nothing changes between its look and the note.

    call: call_id, run_id, model and holder. Raises what `may_go` raises.
    """
    with home.writing(alone=f"money:{call['run_id']}") as connection:
        goes = may_go(_purse(connection, call["run_id"]))
        if goes:
            connection.execute(calls_under_way.insert().values(dict(call)))
    return goes


def end_call(home: Home, call_id: str) -> None:
    """Note that a call is over; its cost, if any, has been noted before."""
    with home.writing() as connection:
        connection.execute(delete(calls_under_way).where(calls_under_way.c.call_id == call_id))


def forget_calls(home: Home, *, run_id: str = "", holder: str = "") -> None:
    """Forget the calls of a process that is gone, or all of a run that nobody works on."""
    mine = calls_under_way.c.holder == holder if holder else calls_under_way.c.run_id == run_id
    with home.writing() as connection:
        connection.execute(delete(calls_under_way).where(mine))


def _purse(connection: Connection, run_id: str) -> Purse:
    use, calls = model_use.c, calls_under_way.c
    spent = select(func.sum(use.amount)).where(use.run_id == run_id, use.measure == COST)
    prices = (
        select(use.model, func.max(use.amount)).where(use.run_id == run_id, use.measure == DEAREST).group_by(use.model)
    )
    flying = select(calls.model).where(calls.run_id == run_id)
    return Purse(
        spent=connection.execute(spent).scalar() or 0.0,
        dearest={row[0]: row[1] for row in connection.execute(prices)},
        under_way=Counter(connection.execute(flying).scalars()),
    )
