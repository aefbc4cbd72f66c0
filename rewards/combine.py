"""The reward table: which components count, and how much."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from rewards.components import COMPONENTS, Evidence
from state.errors import SetupError
from state.reward import Reward

DEFAULT_WEIGHTS: dict[str, float] = {"correctness": 0.7, "efficiency": 0.1, "readability": 0.1, "adherence": 0.1}


@dataclass(frozen=True)
class RewardTable:
    """Weights by component, at least one above 0; the total is their weighted mean.

    Users edit it in ratchet.toml: `[rewards]` with one line per component. Raises SetupError for an unknown component,
    a negative weight, or weights whose sum is 0 or no number.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))

    def __post_init__(self) -> None:
        unknown = sorted(set(self.weights) - set(COMPONENTS))
        if unknown:
            raise SetupError(f"[rewards]: no component {unknown[0]!r}; there are {', '.join(COMPONENTS)}")
        total = sum(self.weights.values())
        if any(weight < 0 for weight in self.weights.values()) or not (total > 0 and math.isfinite(total)):
            raise SetupError(f"[rewards]: weights must be numbers from 0, and not all 0; got {dict(self.weights)}")

    @property
    def version(self) -> str:
        """Digest of the weights: every stored reward says which table produced it."""
        text = json.dumps(dict(sorted(self.weights.items())))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def reward_for(evidence: Evidence, table: RewardTable) -> Reward:
    """Compute every component of the table and their weighted mean."""
    components = {name: float(COMPONENTS[name](evidence)) for name in sorted(table.weights)}
    weight = sum(table.weights.values())
    total = sum(table.weights[name] * value for name, value in components.items()) / weight
    return {"total": round(float(total), 6), "components": components, "table": table.version}
