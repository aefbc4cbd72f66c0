"""What a run may spend, what it has spent and on what; asked before every spend."""

from collections.abc import Mapping
from typing import TypeAlias

from state.optimization import RESOURCES, Resource, Spend

Budget: TypeAlias = Mapping[Resource, float]
"""The most of each resource; a resource that is missing is not limited."""
Cost: TypeAlias = Mapping[Resource, float | None]
"""What something consumes; None for money: the price is unknown."""
UNPRICED = "unpriced"


def checked_budget(limits: Mapping[str, float]) -> dict[Resource, float]:
    """Return the limits as a budget; raises ValueError for an unknown resource, a negative limit or no number."""
    unknown = sorted(set(limits) - set(RESOURCES))
    if unknown:
        raise ValueError(f"no resource {unknown[0]!r}; there are {', '.join(RESOURCES)}")
    for name, limit in limits.items():
        if not limit >= 0:
            raise ValueError(f"the limit of {name} must be a number from 0, not {limit!r}")
    return {name: limits[name] for name in RESOURCES if name in limits}


def charged(spend: Spend, purpose: str, cost: Cost) -> Spend:
    """Return the spend with the cost of something done for a purpose ("minibatch", "reflection", …) added.

    Money of unknown price is counted by the calls it was spent on (by 1 when the cost names no calls).
    """
    lines = {name: dict(line) for name, line in spend.items()}
    line = lines.setdefault(purpose, {})
    for resource, amount in cost.items():
        if amount is None:
            line[UNPRICED] = line.get(UNPRICED, 0) + (cost.get("model_calls") or 1)
        elif amount:
            line[resource] = line.get(resource, 0) + amount
    return lines


def total_spent(spend: Spend) -> dict[str, float]:
    """Return what was spent of every resource, and under "unpriced" how many calls have no known price."""
    return {name: sum(line.get(name, 0) for line in spend.values()) for name in (*RESOURCES, UNPRICED)}


def shortage(spend: Spend, budget: Budget, cost: Cost) -> str:
    """Say which limit the next spend would exceed, with the numbers; "" when it is affordable.

    Once something has been done at an unknown price a limit on money cannot be kept: nothing more is affordable.
    """
    spent = total_spent(spend)
    if "cost_usd" in budget and (spent[UNPRICED] or cost.get("cost_usd", 0) is None):
        return "the price of the model's calls is unknown, so that a limit on cost_usd cannot be kept"
    for name, limit in budget.items():
        needed = cost.get(name) or 0
        if spent[name] + needed > limit or (spent[name] >= limit and name not in cost):
            return f"{name}: {spent[name]:g} of {limit:g} spent, {needed:g} needed"
    return ""
