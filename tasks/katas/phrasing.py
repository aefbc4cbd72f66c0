"""Say in plain English what a combination asks for, in varied wording."""

import textwrap
from random import Random

from tasks.katas.combine import Combination, signature_of
from tasks.katas.concepts import Concept

TEMPLATES = {
    "f": (
        "Return the {adj} {things_of}, in the order given.",
        "Keep only the {adj} {things_of}; their order stays.",
        "Drop every {thing} that is not {adj}.",
        "Find the {adj} ones among the {things_of}.",
    ),
    "m": (
        "{Do_each} and return the results in order.",
        "Return the {nouns} of the {things_of}, in order.",
        "Go through the {things_of} and {do_one}.",
    ),
    "r": (
        "Return {sum} of the {things_of}.",
        "Work out {sum} of the {things_of}.",
        "The {things_of} are given; the answer is {sum}.",
    ),
    "fm": (
        "Return the {nouns} of the {adj} {things_of}, in order.",
        "{Do_each_adj} and leave the others out.",
        "Drop every {thing} that is not {adj}, then {do_left}.",
        "Of the {things_of}, pick the {adj} ones and return their {nouns}.",
    ),
    "fr": (
        "Return {sum} of the {adj} {things_of}.",
        "Ignore every {thing} that is not {adj} and return {sum} of the others.",
        "Work out {sum}, looking only at {adj} {things}.",
        "Find the {adj} ones among the {things_of} and return {sum}.",
    ),
    "mr": (
        "{Do_each}, then return {sum} of the results.",
        "Return {sum} of the {nouns} of the {things_of}.",
        "Go through the {things_of} and {do_one}; the answer is {sum} of what you get.",
        "Work out the {nouns} of the {things_of} and return {sum}.",
    ),
    "fmr": (
        "{Do_each_adj}, then return {sum} of the results.",
        "Return {sum} of the {nouns} of the {adj} {things_of}.",
        "Skip every {thing} that is not {adj}, {do_left}, and return {sum}.",
        "Take the {adj} ones of the {things_of}; from their {nouns} work out {sum}.",
        "Only {adj} {things} matter: {do_these} and return {sum} of the results.",
    ),
}
WIDTH = 88  # characters of a docstring line


def prompt_of(combination: Combination, random: Random) -> str:
    """Return a function header with its docstring: the request, what the things look like, and what is sure."""
    paragraphs = [_request(combination, random), *_remarks(combination)]
    lines = [textwrap.fill(text, WIDTH, break_on_hyphens=False) for text in paragraphs]
    docstring = textwrap.indent("\n\n".join(lines), "    ")
    tail = '"""' if len(paragraphs) == 1 else '\n    """'
    header = signature_of(combination)
    return f'{header}\n    """{docstring.strip()}{tail}\n'


def _request(combination: Combination, random: Random) -> str:
    family = combination.family
    kept, changed, summed = (combination.concept(kind) for kind in ("filter", "map", "reduce"))
    pattern = "".join(concept.kind[0] for concept in combination.concepts)
    adjective = kept.phrase if kept else ""
    return random.choice(TEMPLATES[pattern]).format(
        adj=adjective,
        thing=family.thing,
        things=family.things,
        things_of=f"{family.things} of the {family.parameter}" if family.is_text else family.things,
        Do_each=_capital(_order(changed, f"each {family.thing}")),
        Do_each_adj=_capital(_order(changed, f"each {adjective} {family.thing}")),
        do_one=_order(changed, "each one"),
        do_these=_order(changed, "each of them"),
        do_left=_order(changed, f"each remaining {family.thing}"),
        nouns=changed.noun if changed else "",
        sum=summed.phrase if summed else "",
    )


def _remarks(combination: Combination) -> list[str]:
    family = combination.family
    kept, summed = combination.concept("filter"), combination.concept("reduce")
    remarks = [family.about] if family.about else []
    if combination.level == 1 and combination.concepts[0].meaning:
        remarks.append(combination.concepts[0].meaning)
    if kept and summed:
        remarks.append(f"At least two {family.things} are {kept.phrase}.")
    return [" ".join(remarks)] if remarks else []


def _order(concept: Concept | None, each: str) -> str:
    return concept.phrase.format(each=each) if concept else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
