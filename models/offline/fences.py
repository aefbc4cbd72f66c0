"""Fenced code in messages, found in one pass: hostile text may open ten thousand fences and close none."""

import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

_OPENING: Final = re.compile(r"^(`{3,})[^\n`]*\n", re.MULTILINE)
_CLOSING: Final = re.compile(r"^(`{3,})[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it starts and ends in the text, fences included, and the code between them."""

    start: int
    end: int
    code: str


def fenced(text: str) -> list[Block]:
    """Return the blocks that are closed by as many backticks as opened them, in order; they do not overlap."""
    closings: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for match in _CLOSING.finditer(text):
        closings[len(match.group(1))].append(match.span())
    blocks: list[Block] = []
    for opening in _OPENING.finditer(text):
        if blocks and opening.start() < blocks[-1].end:
            continue
        ends = closings[len(opening.group(1))]
        following = bisect_left(ends, (opening.end(), 0))
        if following < len(ends):
            start, end = ends[following]
            blocks.append(Block(opening.start(), end, text[opening.end() : start]))
    return blocks


def first_code(text: str) -> str:
    """Return the code of the first block; empty without one."""
    blocks = fenced(text)
    return blocks[0].code if blocks else ""


def without_code(text: str) -> str:
    """Return the text without its fenced blocks."""
    kept, position = [], 0
    for block in fenced(text):
        kept.append(text[position : block.start])
        position = block.end
    return "".join(kept) + text[position:]
