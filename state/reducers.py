"""Reducers: pure, named after their outcome, safe to apply twice."""

from state.json_values import JsonValue


def latest_by_index(old: list[JsonValue], new: list[JsonValue]) -> list[JsonValue]:
    """Merge records by their "index"; a newer version of a record replaces the older one."""
    merged = {record["index"]: record for record in [*old, *new]}
    return [merged[index] for index in sorted(merged)]


def latest_by_batch(old: list[JsonValue], new: list[JsonValue]) -> list[JsonValue]:
    """Merge records by their "batch" and "split"; a newer version of a record replaces the older one."""
    merged = {(record["batch"], record["split"]): record for record in [*old, *new]}
    return [merged[key] for key in sorted(merged)]
