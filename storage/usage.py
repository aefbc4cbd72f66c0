"""What the model calls of a run came to, by role, model and measure."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from sqlalchemy import select

from storage.engine import Home, add_amounts, raise_amounts
from storage.tables import model_use

Use: TypeAlias = dict[tuple[str, str], dict[str, float]]
"""(role, model) -> measure -> amount; measures: calls, tokens, money, seconds, and each kind of retry."""


Amounts: TypeAlias = Mapping[tuple[str, str, str, str], float]
"""By run, role, model and measure."""


def add_use(home: Home, amounts: Amounts, highest: Amounts) -> None:
    """Add amounts to what is written, and raise other ones to these where they are lower; all or none."""
    with home.writing() as connection:
        add_amounts(connection, model_use, _rows(amounts))
        if highest:
            raise_amounts(connection, model_use, _rows(highest))


def _rows(amounts: Amounts) -> list[dict[str, object]]:
    names = ("run_id", "role", "model", "measure")
    return [{**dict(zip(names, key, strict=True)), "amount": amount} for key, amount in amounts.items()]


def use_of(home: Home, run_id: str) -> Use:
    """Return what is written of a run's model calls."""
    found: Use = defaultdict(dict)
    with home.reading() as connection:
        for row in connection.execute(select(model_use).where(model_use.c.run_id == run_id)):
            found[row.role, row.model][row.measure] = row.amount
    return dict(found)
