from collections.abc import Callable

import pytest

from batch.restarts import TRIES, outlasting
from state.errors import StoppedError, TransientError

LOST = TransientError("the connection was lost", reason="database")


def calls(*ends: Exception | str) -> tuple[list[float], Callable[[], str]]:
    """Return a log of waits, and a call that comes to these ends in turn."""
    left = list(ends)

    def call() -> str:
        end = left.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    return [], call


def test_what_a_restart_interrupted_is_done_again() -> None:
    waits, call = calls(LOST, LOST, "done")
    assert outlasting(call, waits.append) == "done"
    assert len(waits) == 2


def test_a_database_that_stays_away_is_told_in_the_end() -> None:
    waits, call = calls(*[LOST] * TRIES)
    with pytest.raises(TransientError, match="was lost"):
        outlasting(call, waits.append)


def test_other_failures_are_told_at_once() -> None:
    waits, call = calls(TransientError("the model is down"), "never")
    with pytest.raises(TransientError, match="the model"):
        outlasting(call, waits.append)
    assert waits == []


def test_a_stop_ends_the_wait() -> None:
    def stopped(_seconds: float) -> None:
        raise StoppedError("stopped")

    _, call = calls(LOST, "never")
    with pytest.raises(StoppedError):
        outlasting(call, stopped)
