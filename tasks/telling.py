"""Choose examples that tell a reference from its mutants."""

from collections.abc import Callable, Sequence

Novelty = Callable[[int, Sequence[int]], int]
"""How much an input adds to those chosen so far, where several kill as many mutants."""


def telling(inputs: int, killed_by: Sequence[frozenset[int]], count: int, novelty: Novelty) -> list[int] | None:
    """Return `count` inputs by number that together tell every mutant apart; None when so many cannot.

    killed_by: for each mutant the numbers of the inputs on which it answers otherwise; a mutant that no input tells
    apart is left out by the caller. Greedy: the input that kills most of those alive, then the one that adds most.
    """
    chosen: list[int] = []
    alive = list(killed_by)
    while len(chosen) < count:
        free = [number for number in range(inputs) if number not in chosen]
        best = max(free, key=lambda number: (_kills(number, alive), novelty(number, chosen), -number))
        chosen.append(best)
        alive = [killers for killers in alive if best not in killers]
    return None if alive else chosen


def _kills(number: int, alive: Sequence[frozenset[int]]) -> int:
    return sum(number in killers for killers in alive)
