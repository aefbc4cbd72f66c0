"""Rules that read a text without a model: what it gives a value to, and what makes two texts say the same."""

import re
from functools import lru_cache

from memory.stemmer import stem
from memory.words import words_of
from storage.contents import digest_of

# Nouns that have one value at a time. "My dog is big" and "my dog is brown" do not contradict each other; two
# birthdays do: only for these a newer text supersedes an older one.
SINGLE_VALUED = (
    "name|nickname|age|birthday|date of birth|email|e-mail|email address|phone|phone number|address|home|city|country|"
    "timezone|time zone|job|job title|employer|company|manager|boss|team|salary|password|username|user name|"
    "branch|default branch|version|port|url|host|database|editor|language|native language|deadline|due date|"
    "framework|package manager|operating system|license|"
    r"(?:favou?rite|preferred|default|current|main) \w+(?: \w+)?"
)
_OWNER = r"(?P<owner>my|our|the|[\w.-]+(?: [\w.-]+)?['’]s)"
_RULES = (
    (re.compile(rf"\b{_OWNER} (?P<attribute>{SINGLE_VALUED}) (?:is|are|was|=|has changed to|changed to) ", re.I), ""),
    (re.compile(rf"\bthe (?P<attribute>{SINGLE_VALUED}) of (?P<owner>[\w .-]+?) (?:is|are|was|=) ", re.I), ""),
    (re.compile(r"\b(?P<owner>I|we|[A-Z]\w+) (?:now |no longer )?(?:live|lives|moved|relocated) (?:in|to) "), "home"),
    (re.compile(r"\b(?P<owner>I|we|[A-Z]\w+) (?:now |no longer )?(?:work|works|started) (?:at|for) "), "employer"),
    (re.compile(r"\b(?P<owner>I|we|[A-Z]\w+) (?:am|is) (?P<attribute>\d+ years old)"), "age"),
    (re.compile(r"\b(?:call me|(?P<owner>I)['’]m called) "), "name"),
)
_SPEAKERS = {"i", "my", "we", "our", ""}

# What may differ between two ways of saying the same. Pronouns, numbers and negations are not among them.
_FILLERS = frozenset(
    ["a", "an", "the", "is", "are", "was", "were", "be", "been", "am", "s", "m", "re", "just", "really", "very", "that"]
)
_stem = lru_cache(maxsize=100_000)(stem)
_NEGATION = re.compile(r"n['’]t\b")


def slot_of(text: str, *, speaker: str = "") -> str:
    """Return a digest of the subject and attribute that a text gives a value, "" when it gives none.

    "My favourite colour is red" and "My favourite colour is blue" have the same slot: the newer one supersedes.
    `speaker` is who says "I".
    """
    for rule, attribute in _RULES:
        found = rule.search(text)
        if found:
            groups = found.groupdict()
            owner = (groups.get("owner") or "").lower().removesuffix("'s").removesuffix("’s")
            subject = f"speaker:{speaker}" if owner in _SPEAKERS else owner
            return digest_of(f"{subject}\0{attribute or groups['attribute'].lower().replace('our', 'or')}")
    return ""


def fingerprint_of(text: str, code: str = "") -> str:
    """Return a digest that is the same for texts that say the same in the same order.

    Case, inflection, punctuation, articles and forms of "to be" may differ; numbers, negations, names, dates and
    pronouns may not: what is merged by mistake is lost, what is kept twice is only kept twice.
    """
    words = words_of(_NEGATION.sub(" not", text))
    return digest_of(" ".join(_stem(word) for word in words if word not in _FILLERS) + "\0" + code)


def statements(text: str) -> list[str]:
    """Return the sentences of a text that state something: no questions, no greetings."""
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]
    return [one for one in sentences if not one.endswith("?") and len(words_of(one)) > 2]
