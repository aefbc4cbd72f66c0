"""What the model calls of a run came to, by role, model and measure."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from sqlalchemy import select

from storage.engine import Home, add_amounts
from storage.tables import model_use

Use: TypeAlias = dict[tuple[str, str], dict[str, float]]
"""(role, model) -> measure -> amount; measures: calls, tokens, money, seconds, and each kind of retry."""


def add_use(home: Home, amounts: Mapping[tuple[str, str, str, str], float]) -> None:
    """Add amounts by (run, role, model, measure), all or none."""
    names = ("run_id", "role", "model", "measure")
    rows = [{**dict(zip(names, key, strict=True)), "amount": amount} for key, amount in amounts.items()]
    with home.writing() as connection:
        add_amounts(connection, model_use, rows)


def use_of(home: Home, run_id: str) -> Use:
    """Return what is written of a run's model calls."""
    found: Use = defaultdict(dict)
    with home.reading() as connection:
        for row in connection.execute(select(model_use).where(model_use.c.run_id == run_id)):
            found[row.role, row.model][row.measure] = row.amount
    return dict(found)
