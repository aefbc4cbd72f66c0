"""What the model calls of a run came to, kept in the home as they happen; and the cap on what it may spend."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from state.errors import BudgetError, TransientError
from storage.engine import Home
from storage.usage import add_use, use_of

FLUSH_EVERY = 200  # free calls; a call that cost money is written at once
COST = "cost_usd"
LOOK_S = 0.5  # how often a call that waits for the money of others asks whether it still should


class Meter:
    """Adds up calls, tokens, money and retries by (run, role, model).

    A payment is written before its answer is used: a killed run still knows what it has spent, but for the calls that
    were under way.
    """

    def __init__(self, home: Home, cap_usd: float | None = None) -> None:
        self._home = home
        self._cap = cap_usd
        self._changed = threading.Condition()
        self._unwritten: dict[tuple[str, str, str, str], float] = defaultdict(float)
        self._noted = 0
        self._spent: dict[str, float] = {}
        self._under_way: dict[str, Counter[str]] = defaultdict(Counter)  # of a run, by model
        self._dearest: dict[str, float] = {}  # of the models that have answered

    @contextmanager
    def paying(self, run_id: str, model_id: str, still_wanted: Callable[[], object]) -> Iterator[None]:
        """Let a call go once the run has the money for it and for the calls under way.

        Each counts as its model's dearest answer so far. Until a model has answered, its calls go one at a time.
        still_wanted: asked over and over while the call waits; what it raises ends the wait.

        Raises BudgetError when the money does not suffice even once nothing is under way.
        """
        if self._cap is None:
            yield
            return
        with self._changed:
            while not self._has_room(run_id, model_id, self._cap):
                still_wanted()
                self._changed.wait(LOOK_S)
            self._under_way[run_id][model_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way[run_id][model_id] -= 1
                self._changed.notify_all()

    def note(self, run_id: str, role: str, model_id: str, amounts: Mapping[str, float]) -> None:
        """Add amounts, by what they measure, to the figures of a run.

        What a locked database refuses is kept for the next write.
        """
        cost = amounts.get(COST, 0.0)
        with self._changed:
            for measure, amount in amounts.items():
                self._unwritten[run_id, role, model_id, measure] += amount
            self._noted += 1
            if run_id in self._spent:
                self._spent[run_id] += cost
            if "calls" in amounts:
                self._dearest[model_id] = max(self._dearest.get(model_id, 0.0), cost)
            if cost or self._noted >= FLUSH_EVERY:
                with suppress(TransientError):
                    self._write()

    def flush(self) -> None:
        """Write what has not been written yet."""
        with self._changed:
            self._write()

    def _has_room(self, run_id: str, model_id: str, cap: float) -> bool:
        """Return whether a call may go now, or only after others; raises BudgetError when it never may."""
        spent, price = self._spent_by(run_id), self._dearest.get(model_id, 0.0)
        if spent >= cap or spent + price > cap:
            raise BudgetError(
                f"the run has spent ${spent:.4f}, and the next call may pass its cap of ${cap:.4f}. "
                "Raise --max-cost and run the same command again to continue"
            )
        under_way = self._under_way[run_id]
        if model_id not in self._dearest:
            return not under_way[model_id]
        reserved = sum(count * self._dearest.get(model, 0.0) for model, count in under_way.items())
        return spent + reserved + price <= cap

    def _spent_by(self, run_id: str) -> float:
        if run_id not in self._spent:
            written = sum(amounts.get(COST, 0.0) for amounts in use_of(self._home, run_id).values())
            unwritten = sum(n for (run, *_, measure), n in self._unwritten.items() if (run, measure) == (run_id, COST))
            self._spent[run_id] = written + unwritten
        return self._spent[run_id]

    def _write(self) -> None:
        self._noted = 0
        if not self._unwritten:
            return
        add_use(self._home, self._unwritten)
        self._unwritten.clear()
