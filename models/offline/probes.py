"""Probe inputs: mutated example inputs without expected outputs.

They keep programs apart that the examples cannot, and show which programs are constant or fragile.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

from models.offline.values import Value

PROBES: Final = 3
MAX_ITEMS: Final = 6
"""Of a probe's lists: every element costs time in every candidate."""


def probes(inputs: Sequence[tuple[Value, ...]], count: int = PROBES) -> list[tuple[Value, ...]]:
    """Return argument tuples like the given ones, the same for the same inputs."""
    random = Random(f"probes:{inputs!r}"[:2_000])
    made = []
    for index in range(count if inputs else 0):
        base = inputs[-1 - index % len(inputs)]
        made.append(tuple(_mutated(value, random) for value in base))
    return made


def _mutated(value: Value, random: Random) -> Value:
    if isinstance(value, bool):
        return random.random() < 0.5
    if isinstance(value, int):
        return max(value + random.choice((-2, -1, 1, 2, 3, 5)), 0) if value >= 0 else value - random.choice((-1, 1, 2))
    if isinstance(value, float):
        return round(value * random.choice((0.5, 1.5, 2)) + random.choice((0, 0.25)), 4)
    if isinstance(value, str):
        return _mutated_text(value, random)
    if isinstance(value, tuple):  # places have meanings: their number stays
        return tuple(_mutated(item, random) for item in value)
    if isinstance(value, list):
        return _mutated_items(value, random)
    if isinstance(value, dict):
        return {key: _mutated(item, random) for key, item in value.items()}
    return value


def _mutated_text(text: str, random: Random) -> str:
    if len(text) < 2:
        return text
    if text[:4].isdigit() and text[4:5] == "-":  # a date: another day of the same month
        return text[:-1] + str((int(text[-1]) + 3) % 9 + 1) if text[-1].isdigit() else text
    if " " in text:
        words = text.split(" ")
        random.shuffle(words)
        return " ".join(words[: max(1, len(words) - random.randint(0, 1))])
    start = random.randint(0, 1)
    return random.choice((text[::-1], text[start:] + text[:1], text.swapcase(), text + text[-1]))


def _mutated_items(items: list[Value], random: Random) -> list[Value]:
    choice = random.random()
    items = items[:MAX_ITEMS]
    if len(items) > 1 and choice < 0.4:
        items = items[1:] if choice < 0.2 else items[:-1]
    elif items and choice < 0.6:
        items = [*items, items[0]]
    items = [_mutated(item, random) if random.random() < 0.5 else item for item in items]
    if choice > 0.7:
        random.shuffle(items)
    return items
