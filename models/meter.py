"""What the model calls of a run came to, kept in the home as they happen; and the cap on what it may spend."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from state.errors import BudgetError
from storage.engine import Home
from storage.usage import add_use, use_of

FLUSH_EVERY = 200  # free calls; a call that cost money is written at once
COST = "cost_usd"


class Meter:
    """Adds up calls, tokens, money and retries by (run, role, model).

    A payment is written before its answer is used: a killed run still knows what it has spent, but for the calls that
    were under way.
    """

    def __init__(self, home: Home, cap_usd: float | None = None) -> None:
        self._home = home
        self._cap = cap_usd
        self._lock = threading.Lock()
        self._unwritten: dict[tuple[str, str, str, str], float] = defaultdict(float)
        self._noted = 0
        self._spent: dict[str, float] = {}
        self._under_way = 0
        self._dearest = 0.0

    @contextmanager
    def paying(self, run_id: str) -> Iterator[None]:
        """Let a call go only while the run may spend: what is under way counts as much as the dearest call so far.

        Raises BudgetError otherwise.
        """
        if self._cap is None:
            yield
            return
        with self._lock:
            spent = self._spent_by(run_id)
            if spent >= self._cap or spent + (self._under_way + 1) * self._dearest > self._cap:
                raise BudgetError(
                    f"the run has spent ${spent:.4f}, and the next call may pass its cap of ${self._cap:.4f}. "
                    "Raise --max-cost and run the same command again to continue"
                )
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def note(self, run_id: str, role: str, model_id: str, amounts: Mapping[str, float]) -> None:
        """Add amounts, by what they measure, to the figures of a run."""
        cost = amounts.get(COST, 0.0)
        with self._lock:
            for measure, amount in amounts.items():
                self._unwritten[run_id, role, model_id, measure] += amount
            self._noted += 1
            if cost:
                self._dearest = max(self._dearest, cost)
                self._spent[run_id] = self._spent_by(run_id) + cost
            if cost or self._noted >= FLUSH_EVERY:
                self._write()

    def flush(self) -> None:
        """Write what has not been written yet."""
        with self._lock:
            self._write()

    def _spent_by(self, run_id: str) -> float:
        if run_id not in self._spent:
            use = use_of(self._home, run_id)
            self._spent[run_id] = sum(amounts.get(COST, 0.0) for amounts in use.values())
        return self._spent[run_id]

    def _write(self) -> None:
        self._noted = 0
        if not self._unwritten:
            return
        add_use(self._home, self._unwritten)
        self._unwritten.clear()
