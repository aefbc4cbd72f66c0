from typing import Any

from nodes.examine import examine


def test_memory_care_counts_what_was_remembered(runtime: Any, remembered: Any) -> None:
    remembered("one")
    remembered("two")
    assert examine({"run_id": "run-1"}, runtime) == {"memories": 2}
