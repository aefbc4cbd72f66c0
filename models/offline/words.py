"""Words of a task, cut to stems, so that "digits" and "digit" are one."""

import re
from functools import cache
from typing import Final

_COMMON: Final = """
    a an the of to in is are be been it its this that these those and or by with from for as at on if then else
    which you your we i will should must can may given input output function write return returns returning returned
    list lists string strings int str integer integers array value values example examples following called takes
    not no do does also such than their they there when has have was all each every
    """
_STOP: Final = frozenset(_COMMON.split())


@cache
def stem(word: str) -> str:
    """Cut common English endings: plural, -ing, -ed, -ly."""
    for ending in ("ings", "ing", "ies", "ied", "ed", "es", "ly", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word.rstrip("e") if len(word) > 3 else word


def words_in(text: str) -> list[str]:
    """Return the stems of a text's words in order, without the commonest ones."""
    return [stem(word) for word in re.findall(r"[a-z]+", text.lower()) if word not in _STOP]
