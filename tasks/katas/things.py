"""Random things for the katas' examples: numbers, words, labels, orders, rows, dates, rectangles."""

from collections.abc import Callable
from random import Random
from typing import TypeAlias

Thing: TypeAlias = int | str | tuple[int, int] | tuple[str, int] | dict[str, str | int]

WORDS = """
noon level radar civic kayak refer madam rotor solos stats pop deed area window gauge dread roar sees test
lamps rivers stones cats maps letters bridges clouds planets doors carrots hills boots kings nests windows
garden silver market orange winter bottle puzzle travel silent basket candle island pepper rocket
tree milk bread house chair green plane cloud river stone light sugar table field horse grape lemon
sun map box key pen cup hat fog ant owl eagle erase dead tenet wow hannah bonus chaos lens focus
"""
ITEMS = "pear lamp rope boot mug desk tent jar bell cord fan glove kite nail oar pump quilt rug saw vase wick"
NAMES = "ana bo cem dora eli finn gus hana ivo juno karl lena milo nora otto petra quin rosa sven tara"
LEAST_KEPT, MOST_KEPT = 2, 5
MOST_DRAWS = 2_000  # the rarest filter keeps one thing in ten
LETTERS = "aeioubcdfghklmnprstAEIOBCDKMRST0123456789"


def _number(random: Random) -> int:
    return random.choice((random.randint(2, 99), random.randint(2, 40), random.randint(100, 300)))


def _order(random: Random) -> dict[str, str | int]:
    price = random.choice((random.randint(2, 99), random.randint(2, 9)))
    return {"item": random.choice(ITEMS.split()), "price": price, "count": random.randint(1, 25)}


def _row(random: Random) -> tuple[str, int]:
    points = random.choice((random.randint(10, 99), random.randint(1, 9) * 10))
    return random.choice(NAMES.split()) + random.choice(("", "", "lie", "beth")), points


def _date(random: Random) -> str:
    month = random.choice((3, random.randint(1, 12)))
    day = random.choice((1, 3, random.randint(1, 28), random.randint(1, 28)))
    return f"{random.randint(1985, 2031)}-{month:02d}-{day:02d}"


def _rectangle(random: Random) -> tuple[int, int]:
    width = random.choice((random.randint(2, 9), random.randint(2, 40)))
    return width, random.choice((width, random.randint(2, 9), random.randint(2, 40)))


def _theory_number(random: Random) -> int:
    return random.choice((random.randint(2, 40), random.randint(2, 120), random.randint(2, 11) ** 2))


DRAW: dict[str, Callable[[Random], Thing]] = {
    "numbers": _number,
    "words": lambda random: random.choice(WORDS.split()),
    "text": lambda random: random.choice(LETTERS),
    "records": _order,
    "tables": _row,
    "dates": _date,
    "number theory": _theory_number,
    "geometry": _rectangle,
}


def draw_things(random: Random, family: str, is_kept: Callable[[Thing], bool] | None) -> list[Thing]:
    """Return 4 to 9 things, 2 to 5 of which are kept and the others not; 5 to 8 where nothing is to be kept.

    So no task's tests need a rule for the empty case, which no visible example could tell. Orders, rows and
    rectangles differ in every field, so that there are no ties.
    """
    wanted = {True: random.randint(LEAST_KEPT, MOST_KEPT) if is_kept else random.randint(5, 8)}
    if is_kept:
        wanted[False] = random.randint(2, 4)
    drawn: dict[bool, list[Thing]] = {side: [] for side in wanted}
    fields_seen: set[object] = set()
    for _ in range(MOST_DRAWS):
        thing = DRAW[family](random)
        side = is_kept is None or bool(is_kept(thing))
        fields = _fields(thing)
        if len(drawn[side]) < wanted[side] and not fields & fields_seen:
            drawn[side].append(thing)
            fields_seen |= fields
        if all(len(drawn[side]) == count for side, count in wanted.items()):
            break
    things = [thing for side in drawn.values() for thing in side]
    random.shuffle(things)
    return things


def _fields(thing: Thing) -> set[object]:
    """Return what another thing of the same input must not share; numbers and texts may come twice."""
    if isinstance(thing, dict):
        return set(thing.items())
    return set(enumerate(thing)) if isinstance(thing, tuple) else set()
