"""What the model calls of a run came to, kept in the home as they happen; and the cap on what it may spend."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeAlias
from uuid import uuid4

from state.errors import BudgetError, TransientError
from storage.engine import Home
from storage.money import COST, DEAREST, Purse, begin_call, end_call
from storage.usage import add_use

Key: TypeAlias = tuple[str, str, str, str]
"""Run, role, model, measure."""

FLUSH_EVERY = 200  # free calls; a call that cost money is written at once
LOOK_S = 0.5  # how often a call that waits for the money of others asks whether it still should


class Meter:
    """Adds up calls, tokens, money and retries by (run, role, model).

    A payment is written before its answer is used: a killed run still knows what it has spent, but for the calls that
    were under way. With a cap the calls under way are written as well: every process that works on the run sees them.
    """

    def __init__(self, home: Home, cap_usd: float | None = None, holder: str = "") -> None:
        """holder: names this process among those that work on the same run."""
        self._home = home
        self._cap = cap_usd
        self._holder = holder
        self._changed = threading.Condition()
        self._unwritten: dict[Key, float] = defaultdict(float)
        self._dearest: dict[Key, float] = {}  # of the calls since the last write
        self._noted = 0
        self._over: list[str] = []  # calls that are over, and still written down as under way

    @contextmanager
    def paying(self, run_id: str, model_id: str, still_wanted: Callable[[], object]) -> Iterator[None]:
        """Let a call go once the run has the money for it and for the calls under way, in all processes together.

        Each counts as its model's dearest answer so far. Until a model has answered, its calls go one at a time.
        still_wanted: asked over and over while the call waits; what it raises ends the wait.

        Raises BudgetError when the money does not suffice even once nothing is under way; TransientError when the
        database does not say.
        """
        if self._cap is None:
            yield
            return
        call = {"call_id": uuid4().hex, "run_id": run_id, "model": model_id, "holder": self._holder}
        may_go = partial(_may_go, model_id=model_id, cap=self._cap)
        while True:
            self._end_calls()
            if begin_call(self._home, call, may_go):
                break
            still_wanted()
            with self._changed:
                self._changed.wait(LOOK_S)
        try:
            yield
        finally:
            self._over.append(call["call_id"])  # noted before it is tried: what fails here is not forgotten
            with suppress(TransientError):  # what a locked database refuses is done by the next call
                self._end_calls()

    def note(self, run_id: str, role: str, model_id: str, amounts: Mapping[str, float]) -> None:
        """Add amounts, by what they measure, to the figures of a run.

        What a locked database refuses is kept for the next write.
        """
        cost = amounts.get(COST, 0.0)
        with self._changed:
            for measure, amount in amounts.items():
                self._unwritten[run_id, role, model_id, measure] += amount
            self._noted += 1
            capped = self._cap is not None and "calls" in amounts
            if capped:
                key = (run_id, role, model_id, DEAREST)
                self._dearest[key] = max(self._dearest.get(key, 0.0), cost)
            if cost or capped or self._noted >= FLUSH_EVERY:
                with suppress(TransientError):
                    self._write()

    def flush(self) -> None:
        """Write what has not been written yet."""
        with self._changed:
            self._write()

    def _end_calls(self) -> None:
        while self._over:
            call_id = self._over.pop()  # taken before it is written: no other thread ends the same call
            try:
                end_call(self._home, call_id)
            except BaseException:
                self._over.append(call_id)
                raise
            with self._changed:
                self._changed.notify_all()

    def _write(self) -> None:
        self._noted = 0
        if not self._unwritten:
            return
        add_use(self._home, self._unwritten, self._dearest)
        # only after that: amounts that the database refused are in the next write, and none is in two
        self._unwritten.clear()
        self._dearest.clear()


def _may_go(purse: Purse, *, model_id: str, cap: float) -> bool:
    """Return whether a call may go now, or only after others; raises BudgetError when it never may."""
    price = purse.dearest.get(model_id, 0.0)
    if purse.spent >= cap or purse.spent + price > cap:
        raise BudgetError(
            f"the run has spent ${purse.spent:.4f}, and the next call may pass its cap of ${cap:.4f}. "
            "Raise --max-cost and run the same command again to continue"
        )
    if model_id not in purse.dearest:
        return not purse.under_way.get(model_id, 0)
    reserved = sum(count * purse.dearest.get(model, 0.0) for model, count in purse.under_way.items())
    return purse.spent + reserved + price <= cap
