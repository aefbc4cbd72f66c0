import math
from typing import Any

import pytest

from rewards.combine import DEFAULT_WEIGHTS, RewardTable, reward_for
from rewards.components import Evidence
from rewards.static import measure
from state.errors import SetupError

CODE = "def f(x):\n    return x\n"
REPORT: Any = {"passed": 1, "total": 2, "cpu_s": 0.1}
EVIDENCE = Evidence(
    task={"entry_point": "f"},  # type: ignore[typeddict-item]
    report=REPORT,
    review={"metrics": measure(CODE, "f"), "findings": [], "overfit": False},
    reference_parameters=["x"],
)


def test_the_total_is_the_weighted_mean_of_the_components_of_the_table() -> None:
    reward = reward_for(EVIDENCE, RewardTable({"correctness": 3.0, "adherence": 1.0}))
    assert reward["components"] == {"adherence": 1.0, "correctness": 0.25}
    assert reward["total"] == 0.4375


def test_a_component_of_weight_0_is_reported_and_does_not_count() -> None:
    reward = reward_for(EVIDENCE, RewardTable({"correctness": 0.0, "adherence": 0.2}))
    assert reward["total"] == 1.0
    assert reward["components"]["correctness"] == 0.25


def test_another_weight_or_component_is_another_version_of_the_table() -> None:
    tables = [DEFAULT_WEIGHTS, {**DEFAULT_WEIGHTS, "efficiency": 0.2}, {"correctness": 0.7}]
    assert len({RewardTable(weights).version for weights in tables}) == 3
    turned = dict(reversed(DEFAULT_WEIGHTS.items()))
    assert RewardTable(turned).version == RewardTable().version == reward_for(EVIDENCE, RewardTable())["table"]


def test_an_unknown_component_is_refused_with_those_there_are() -> None:
    with pytest.raises(SetupError, match=r"\[rewards\]: no component 'speed'; there are correctness, efficiency"):
        RewardTable({"speed": 1.0})


@pytest.mark.parametrize("weight", [-0.1, 0.0, math.nan, math.inf])
def test_weights_that_make_no_mean_are_refused(weight: float) -> None:
    with pytest.raises(SetupError, match="weights must be numbers from 0, and not all 0"):
        RewardTable({"correctness": weight})
    with pytest.raises(SetupError, match="weights must be numbers from 0"):
        RewardTable({})
