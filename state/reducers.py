"""Reducers: pure, named after their outcome, safe to apply twice."""

from typing import Any


def latest_by_index(old: list[Any], new: list[Any]) -> list[Any]:
    """Merge records by their "index"; a newer version of a record replaces the older one."""
    merged = {record["index"]: record for record in [*old, *new]}
    return [merged[index] for index in sorted(merged)]


def latest_by_batch(old: list[Any], new: list[Any]) -> list[Any]:
    """Merge records by their "batch" and "split"; a newer version of a record replaces the older one."""
    merged = {(record["batch"], record["split"]): record for record in [*old, *new]}
    return [merged[key] for key in sorted(merged)]
