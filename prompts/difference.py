"""What changed between two prompt sets, as unified diffs."""

from collections.abc import Mapping
from difflib import unified_diff


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """Return, for every component that differs, the lines of its unified diff; no line ends in a line feed."""
    changed = {}
    for name in sorted({*before, *after}):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            lines = unified_diff(old.splitlines(), new.splitlines(), f"a/{name}.md", f"b/{name}.md", lineterm="")
            changed[name] = list(lines)
    return changed
