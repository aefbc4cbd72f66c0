"""Whose turn it is: a proposer that stalls hands over to the next; when all have, nothing improves any more."""

from state.optimization import Tally


def fresh_tally() -> Tally:
    """Return the counters with which an optimisation begins."""
    return {"iteration": 0, "at": 0, "stalled": 0, "idle": 0, "failures": 0, "merges": []}


def after_acceptance(tally: Tally) -> Tally:
    """Return the counters after a child was accepted: its proposer goes on."""
    return {**tally, "stalled": 0, "idle": 0}


def after_refusal(tally: Tally, proposers: int, patience: int, *, exhausted: bool) -> Tally:
    """Return the counters after an iteration without an accepted child.

    proposers: how many there are. patience: such iterations in a row after which one hands over. exhausted: it has
    nothing to propose and hands over at once.
    """
    stalled = tally["stalled"] + 1
    if not exhausted and stalled < patience:
        return {**tally, "stalled": stalled}
    return {**tally, "at": (tally["at"] + 1) % proposers, "stalled": 0, "idle": tally["idle"] + 1}


def is_stuck(tally: Tally, proposers: int) -> bool:
    """Tell whether every proposer has stalled since the last accepted child."""
    return tally["idle"] >= proposers
