"""Reducers: pure, named after their outcome, safe to apply twice."""

from typing import TypeVar

from state.episode import Attempt

Item = TypeVar("Item")


def latest_by_index(old: list[Attempt], new: list[Attempt]) -> list[Attempt]:
    """Merge attempts by their index; a newer version of an attempt replaces the older one."""
    merged = {attempt["index"]: attempt for attempt in [*old, *new]}
    return [merged[index] for index in sorted(merged)]
