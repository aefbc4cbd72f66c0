from typing import Any

from nodes.promote import promote


def test_without_evidence_for_another_the_parent_stays(runtime: Any) -> None:
    assert promote({"parent": "p"}, runtime) == {"promoted": "p"}
