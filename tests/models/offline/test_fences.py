"""Fenced code is found as the regular expression that says what it is finds it, in linear time."""

import re

from hypothesis import given
from hypothesis import strategies as st

from models.offline.fences import fenced, first_code, without_code

BY_DEFINITION = re.compile(r"^(`{3,})[^\n`]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
LINES = st.lists(st.sampled_from(["```", "```python", "````", "```` ", "``", "x = 1", "", " ```", "```a`b", "```\t"]))


@given(LINES.map("\n".join))
def test_blocks_are_those_of_the_definition(text: str) -> None:
    blocks = [(m.start(), m.end(), m.group(2)) for m in BY_DEFINITION.finditer(text)]

    assert [(block.start, block.end, block.code) for block in fenced(text)] == blocks
    assert without_code(text) == BY_DEFINITION.sub("", text)
    assert first_code(text) == (blocks[0][2] if blocks else "")


def test_openings_without_end_are_no_blocks() -> None:
    assert fenced("```python\n" * 100_000) == []
