"""Porter's stemmer: "hopes", "hoping" and "hoped" become one term.

Source: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the two departures of the author's
own later program ("bli" and "logi" in step 2). Vowels and consonants are found with regular expressions over the stem.
"""

import re

_C = "(?:[^aeiouy]|(?<![^aeiou])y|^y)"  # a consonant; y is one at the start and after a vowel
_V = "(?:[aeiou]|(?<=[^aeiou])y)"
_HAS_VOWEL = re.compile(_V)
_MEASURE = re.compile(f"{_V}+{_C}+")  # one VC: its count is Porter's m
_SHORT = re.compile(f"{_C}{_V}(?![wxy]){_C}$")  # *o: consonant, vowel, consonant other than w, x, y
_DOUBLE = re.compile(r"([^aeiou])\1$")

_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "bli": "ble", "alli": "al",
    "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
    "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
    "logi": "log",
}  # fmt: skip
_STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "sion", "tion", "ou", "ism",
    "ate", "iti", "ous", "ive", "ize",
)  # fmt: skip


def _by_length(suffixes: tuple[str, ...] | dict[str, str]) -> re.Pattern[str]:
    return re.compile("(?:" + "|".join(sorted(suffixes, key=len, reverse=True)) + ")$")


_FIND_2, _FIND_3, _FIND_4 = _by_length(_STEP_2), _by_length(_STEP_3), _by_length(_STEP_4)


def stem(word: str) -> str:
    """Return the stem of a lower-case English word; words of one or two letters stay as they are."""
    if len(word) < 3:
        return word
    word = _past_and_participle(_plural(word))
    if word.endswith("y") and _HAS_VOWEL.search(word[:-1]):
        word = word[:-1] + "i"
    word = _replaced(word, _FIND_2, _STEP_2)
    word = _replaced(word, _FIND_3, _STEP_3)
    return _final_letters(_without_ending(word))


def _measure(text: str) -> int:
    return len(_MEASURE.findall(text))


def _plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past_and_participle(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    for suffix in ("ed", "ing"):
        rest = word[: -len(suffix)]
        if word.endswith(suffix) and _HAS_VOWEL.search(rest):
            return _repaired(rest)
    return word


def _repaired(rest: str) -> str:
    """Give back what the suffix took: hop(p)ing -> hop, fil(e)ing -> file."""
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if _DOUBLE.search(rest) and rest[-1] not in "lsz":
        return rest[:-1]
    return rest + "e" if _measure(rest) == 1 and _SHORT.search(rest) else rest


def _replaced(word: str, suffixes: re.Pattern[str], instead: dict[str, str]) -> str:
    found = suffixes.search(word)
    if found and _measure(word[: found.start()]):
        return word[: found.start()] + instead[found.group()]
    return word


def _without_ending(word: str) -> str:
    found = _FIND_4.search(word)
    if not found:
        return word
    start = found.start() + (1 if found.group() in ("sion", "tion") else 0)  # only "ion" goes: adoption -> adopt
    return word[:start] if _measure(word[:start]) > 1 else word


def _final_letters(word: str) -> str:
    if word.endswith("e"):
        rest = word[:-1]
        if _measure(rest) > 1 or (_measure(rest) == 1 and not _SHORT.search(rest)):
            word = rest
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word
