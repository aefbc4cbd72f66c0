"""Outlive a restart of the database: what it interrupted is done again, safely where it is keyed by its cause."""

import time
from collections.abc import Callable
from typing import TypeVar

from state.errors import TransientError

Result = TypeVar("Result")

TRIES = 5
PAUSE_S = 1.0  # the home itself waits for a server that is away; this is for what the loss of a connection interrupted


def outlasting(call: Callable[[], Result], wait: Callable[[float], object] = time.sleep) -> Result:
    """Return what `call` returns; call again where the database went away in the midst of it.

    wait: sleeps for so many seconds, or raises to give up. Raises what `call` raises otherwise, and at last.
    """
    for _ in range(TRIES - 1):
        try:
            return call()
        except TransientError as error:
            if error.reason != "database":
                raise
        wait(PAUSE_S)
    return call()
