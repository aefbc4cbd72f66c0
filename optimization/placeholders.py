"""Keep a proposed template usable: what it lost is put back, what it invented is made plain text, or it is refused."""

import re
from collections.abc import Collection
from string import Template
from typing import NamedTuple


class Repair(NamedTuple):
    """A template that uses exactly the placeholders it must."""

    text: str | None  # None: refused
    changes: list[str]  # what was done, or why it was refused; [] when nothing was wrong


def repaired(proposal: str, parent: str, required: Collection[str]) -> Repair:
    """Return the proposal with exactly the required placeholders ($name), or refuse it.

    In this order: a required placeholder spelled {name}, {{name}}, <name> or %(name)s becomes $name; any other $name
    and any lone dollar sign become plain text ($$); a required placeholder that is still missing is put back at the
    end if the parent has it on lines of its own, and otherwise the proposal is refused: only its author knows where
    it belongs. An empty proposal is refused too.
    """
    if not proposal.strip():
        return Repair(None, ["refused: the proposal is empty"])
    changes: list[str] = []
    text = proposal
    for name in sorted(set(required) - _names(text)):
        text, count = re.subn(r"\{\{%s\}\}|\{%s\}|<%s>|%%\(%s\)s" % ((re.escape(name),) * 4), f"${{{name}}}", text)
        if count:
            changes.append(f"respelled ${name}")
    text = _plain(text, required, changes)
    for name in sorted(set(required) - _names(text), key=parent.find):
        lines = _own_lines(parent, name)
        if not lines:
            return Repair(None, [*changes, f"refused: the placeholder ${name} is missing"])
        text = f"{text.rstrip()}\n\n{lines}"
        changes.append(f"put back ${name}")
    return Repair(text, changes)


def _names(text: str) -> set[str]:
    found = (match["named"] or match["braced"] for match in Template.pattern.finditer(text))
    return {name for name in found if name}


def _plain(text: str, required: Collection[str], changes: list[str]) -> str:
    def kept(match: re.Match[str]) -> str:
        name = match["named"] or match["braced"]
        if match["escaped"] or name in required:
            return match.group()
        changes.append(f"made {match.group()} plain text")
        return "$" + match.group()

    return Template.pattern.sub(kept, text)


def _own_lines(parent: str, name: str) -> str:
    """Return the placeholder if it has a paragraph of the parent to itself; else ""."""
    alone = {f"${name}", f"${{{name}}}"}
    return next((p.strip() for p in re.split(r"\n\s*\n", parent) if p.strip() in alone), "")
