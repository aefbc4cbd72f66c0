"""The vocabulary of the katas: families of things, and the concepts that keep, change or sum up these things.

Many concepts carry a house word ("lucky", "fizzy") as user's own tasks do. What it means is told, or can be seen in
the examples, where the concept stands alone (level 1); combinations (levels 2 and 3) use the word only.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["filter", "map", "reduce"]


@dataclass(frozen=True, kw_only=True)
class Concept:
    """One idea with its words and its code."""

    kind: Kind
    key: str
    """Its part of function names and of combination names."""
    phrase: str
    """filter: an adjective; map: an order with {each} for the thing; reduce: a noun phrase."""
    noun: str = ""
    """map only: what the results are called, in the plural."""
    code: str
    """An expression in `x` (filter, map) or `xs` (reduce), and in the family's extra parameter."""
    takes: str
    """Type of the things it works on."""
    gives: str
    """Type of one result: of an element (map), of the answer (reduce); as `takes` for filters."""
    meaning: str = ""
    """What a house word means, told at level 1 where examples alone would leave too much open."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Things of one sort, and what can be asked of them."""

    name: str
    thing: str
    things: str
    parameter: str
    """Name of the argument that holds them."""
    element: str
    """Type of one thing, as in type hints."""
    is_text: bool = False
    """The things are the characters of one text; filters and maps give texts back."""
    extra: str = ""
    """A second parameter, an int."""
    about: str = ""
    """What a thing looks like, told in every prompt."""
    concepts: tuple[Concept, ...]


def keep(key: str, phrase: str, code: str, takes: str, meaning: str = "") -> Concept:
    """Return a filter."""
    return Concept(kind="filter", key=key, phrase=phrase, code=code, takes=takes, gives=takes, meaning=meaning)


def change(key: str, phrase: str, noun: str, code: str, types: str, meaning: str = "") -> Concept:
    """Return a map; `types` is "from -> to"."""
    takes, gives = types.split(" -> ")
    return Concept(kind="map", key=key, phrase=phrase, noun=noun, code=code, takes=takes, gives=gives, meaning=meaning)


def sum_up(key: str, phrase: str, code: str, types: str, meaning: str = "") -> Concept:
    """Return a reducer; `types` is "element -> answer"."""
    takes, gives = types.split(" -> ")
    return Concept(kind="reduce", key=key, phrase=phrase, code=code, takes=takes, gives=gives, meaning=meaning)


ORDER = "dict[str, str | int]"
ROW = "tuple[str, int]"
RECTANGLE = "tuple[int, int]"

NUMBERS = Family(
    name="numbers",
    thing="number",
    things="numbers",
    parameter="numbers",
    element="int",
    concepts=(
        keep("lucky", "lucky", "x % 7 == 0", "int", "A lucky number can be divided by 7 without a rest."),
        keep("fizzy", "fizzy", "x % 3 == 0", "int", "A fizzy number can be divided by 3 without a rest."),
        keep("calm", "calm", "x % 2 == 0", "int"),
        keep("steep", "steep", "x > 50", "int", "A steep number is above 50."),
        change("mirror", "mirror {each}", "mirror images", "int(str(x)[::-1])", "int -> int"),
        change("boost", "boost {each}", "boosted values", "x * 10", "int -> int"),
        change("trim", "trim {each}", "trimmed values", "x // 10", "int -> int"),
        change("tail", "take the tail of {each}", "tails", "x % 10", "int -> int"),
        sum_up("spread", "the spread", "max(xs) - min(xs)", "int -> int"),
        sum_up("bookends", "the bookend sum", "xs[0] + xs[-1]", "int -> int"),
        sum_up("variety", "the variety", "len(set(xs))", "int -> int"),
        sum_up("total", "the total", "sum(xs)", "int -> int"),
    ),
)

WORDS = Family(
    name="words",
    thing="word",
    things="words",
    parameter="words",
    element="str",
    concepts=(
        keep("two_way", "two-way", "x == x[::-1]", "str"),
        keep("plural", "plural-looking", 'x.endswith("s")', "str", 'A plural-looking word ends in "s".'),
        keep("stout", "stout", "len(x) > 5", "str", "A stout word has more than 5 letters."),
        keep("ringed", "ringed", "x[0] == x[-1]", "str"),
        change("shout", "shout {each}", "shouted forms", 'x.upper() + "!"', "str -> str"),
        change("clip", "clip {each}", "clipped forms", "x[:-1]", "str -> str"),
        change("spin", "spin {each}", "spun forms", "x[::-1]", "str -> str"),
        change("tag", "tag {each}", "tags", '"#" + x', "str -> str"),
        sum_up("chant", "the chant", '"-".join(xs)', "str -> str"),
        sum_up("ink", "the ink use", "sum(len(x) for x in xs)", "str -> int"),
        sum_up("acrostic", "the acrostic", '"".join(x[0] for x in xs)', "str -> str"),
    ),
)

TEXT = Family(
    name="text",
    thing="character",
    things="characters",
    parameter="label",
    element="str",
    is_text=True,
    about="A label is a short text of letters and digits.",
    concepts=(
        keep("loud", "loud", "x.isupper()", "str"),
        keep("sung", "sung", 'x in "aeiou"', "str", 'A sung character is one of "aeiou".'),
        keep("numeric", "numeric", "x.isdigit()", "str"),
        change("echo", "echo {each}", "echoes", "x * 2", "str -> str"),
        change("hush", "hush {each}", "hushed forms", "x.lower()", "str -> str"),
        change("fence", "put a fence after {each}", "fenced forms", 'x + "|"', "str -> str"),
        change("lift", "lift {each}", "lifted forms", "x.upper()", "str -> str"),
        sum_up("half", "the front half", "xs[:len(xs) // 2]", "text -> str"),
        sum_up("crest", "the crest", "xs[:2]", "text -> str"),
        sum_up("toll", "the toll", "len(xs) * 10", "text -> int"),
    ),
)

RECORDS = Family(
    name="records",
    thing="order",
    things="orders",
    parameter="orders",
    element=ORDER,
    about='An order has an "item", a "price" and a "count".',
    concepts=(
        keep("bulky", "bulky", 'x["count"] > 10', ORDER, 'An order is bulky when its "count" is above 10.'),
        keep("cheap", "cheap", 'x["price"] < 10', ORDER),
        keep("paired", "paired", 'x["count"] % 2 == 0', ORDER, 'An order is paired when its "count" is even.'),
        change("bill", "bill {each}", "bills", 'x["price"] * x["count"]', f"{ORDER} -> int"),
        change("sticker", "print a sticker for {each}", "stickers", 'x["item"].upper()', f"{ORDER} -> str"),
        change("markup", "mark up {each}", "marked-up prices", 'x["price"] + 10', f"{ORDER} -> int"),
        sum_up("volume", "the volume", 'sum(x["count"] for x in xs)', f"{ORDER} -> int"),
        sum_up("peak", "the peak", 'max(x["price"] for x in xs)', f"{ORDER} -> int"),
        sum_up("register", "the register", 'sorted(x["item"] for x in xs)', f"{ORDER} -> list[str]"),
    ),
)

TABLES = Family(
    name="tables",
    thing="row",
    things="rows",
    parameter="table",
    element=ROW,
    about="A row holds a name and its points.",
    concepts=(
        keep("passing", "passing", "x[1] > 50", ROW, "A row passes with more than 50 points."),
        keep("terse", "terse", "len(x[0]) < 5", ROW, "A row is terse when its name has fewer than 5 letters."),
        keep("tenfold", "tenfold", "x[1] % 10 == 0", ROW),
        change("badge", "write the badge of {each}", "badges", "x[0] + str(x[1])", f"{ROW} -> str"),
        change("turn", "turn {each} around", "turned rows", "(x[1], x[0])", f"{ROW} -> tuple[int, str]"),
        change("bonus", "give {each} its bonus", "bonus points", "x[1] + 10", f"{ROW} -> int"),
        change("initial", "take the initial of {each}", "initials", "x[0][0]", f"{ROW} -> str"),
        sum_up("leader", "the leader", "max(xs, key=lambda x: x[1])[0]", f"{ROW} -> str"),
        sum_up("pool", "the pool", "sum(x[1] for x in xs)", f"{ROW} -> int"),
        sum_up("roll", "the roll", "sorted(x[0] for x in xs)", f"{ROW} -> list[str]"),
    ),
)

DATES = Family(
    name="dates",
    thing="date",
    things="dates",
    parameter="dates",
    element="str",
    about='A date is a text such as "2026-03-14": year, month and day with "-" between them.',
    concepts=(
        keep("classic", "classic", 'x < "2010"', "str", 'A classic date lies before "2010".'),
        keep("sowing", "sowing", '"-03-" in x', "str", 'A sowing date has "-03-" in its middle.'),
        keep("opening", "opening", 'x.endswith("-01")', "str", 'An opening date ends with "-01".'),
        change("slash", "slash {each}", "slashed forms", 'x.replace("-", "/")', "str -> str"),
        change("stamp", "stamp {each}", "stamps", 'x.replace("-", "")', "str -> str"),
        change("day", "take the day of {each}", "days", "int(x[-2:])", "str -> int"),
        change(
            "vintage",
            "take the vintage of {each}",
            "vintages",
            "x[:4]",
            "str -> str",
            "A vintage is the first 4 characters of its date.",
        ),
        sum_up("debut", "the debut", "min(xs)", "str -> str"),
        sum_up("finale", "the finale", "max(xs)", "str -> str"),
    ),
)

THEORY = Family(
    name="number theory",
    thing="number",
    things="numbers",
    parameter="numbers",
    element="int",
    extra="base",
    concepts=(
        keep("spare", "spare", "x % base == 1", "int"),
        keep("docked", "docked", "x % base == 0", "int"),
        keep("towering", "towering", "x > base", "int"),
        keep("boxy", "boxy", "math.isqrt(x) ** 2 == x", "int", "A boxy number is a perfect square."),
        change("wind", "wind {each} around the base", "wound values", "x % base", "int -> int"),
        change("overlap", "overlap {each} with the base", "overlaps", "math.gcd(x, base)", "int -> int"),
        change("scale", "scale {each}", "scaled values", "x * base", "int -> int"),
        change("share", "share out {each}", "shares", "x // base", "int -> int"),
        sum_up("rest", "the rest", "sum(xs) % base", "int -> int"),
        sum_up("quota", "the quota", "sum(xs) // base", "int -> int"),
        sum_up("lead", "the lead", "max(xs) - base", "int -> int"),
    ),
)

GEOMETRY = Family(
    name="geometry",
    thing="rectangle",
    things="rectangles",
    parameter="rectangles",
    element=RECTANGLE,
    about="A rectangle is given as its width and its height.",
    concepts=(
        keep("lying", "lying", "x[0] > x[1]", RECTANGLE),
        keep("square", "square", "x[0] == x[1]", RECTANGLE),
        keep("tall", "tall", "x[1] > 20", RECTANGLE, "A rectangle is tall when its height is above 20."),
        change("area", "take the area of {each}", "areas", "x[0] * x[1]", f"{RECTANGLE} -> int"),
        change(
            "fencing", "measure the fencing of {each}", "fencing lengths", "2 * (x[0] + x[1])", f"{RECTANGLE} -> int"
        ),
        change("tip", "tip {each} over", "tipped rectangles", "(x[1], x[0])", f"{RECTANGLE} -> {RECTANGLE}"),
        sum_up("carpet", "the carpet use", "sum(x[0] * x[1] for x in xs)", f"{RECTANGLE} -> int"),
        sum_up("skyline", "the skyline", "max(x[1] for x in xs)", f"{RECTANGLE} -> int"),
        sum_up("frontage", "the frontage", "sum(x[0] for x in xs)", f"{RECTANGLE} -> int"),
    ),
)

FAMILIES = (NUMBERS, WORDS, TEXT, RECORDS, TABLES, DATES, THEORY, GEOMETRY)
