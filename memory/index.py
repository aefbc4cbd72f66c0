"""The in-process index of one scope: derived from the records, kept fresh by the log's sequence."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.bm25 import Bm25View, Mask, Postings, best
from memory.words import terms_of
from state.memory_item import Horizon
from storage.contents import digest_of

KEPT_VIEWS = 8  # one per run and kind of question that is under way in this process
_KINDS: tuple[str, ...] = ("episodic", "semantic", "procedural")


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the index has to know of a record."""

    seq: int
    memory_id: str
    kind: str
    run_id: str
    batch: int
    text: str


@dataclass(slots=True)
class _View:
    """The rows that one horizon shows, and what was computed from them."""

    visible: Mask
    checked: int  # rows looked at so far: later ones were all invisible
    bm25: Bm25View
    snapshot: str = ""


class ScopeIndex:
    """Postings and visibility of the records of one scope. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._postings = Postings()
        self._ids: list[str] = []
        self._runs: dict[str, int] = {}
        self._columns = np.empty((4, 1024), np.int64)  # seq, kind, run, batch
        self._views: OrderedDict[tuple[int, str, int, tuple[str, ...]], _View] = OrderedDict()
        self.seq = 0  # the last change of the log that is in here

    def extend(self, rows: Iterable[IndexRow]) -> None:
        """Add records in the order of the log; those that are here already are skipped."""
        with self._lock:
            for row in rows:
                if row.seq > self.seq:
                    self._append(row)

    def search(self, text: str, kinds: Sequence[str], horizon: Horizon, limit: int) -> list[tuple[str, float]]:
        """Return (id, score) by falling score, ties by id."""
        terms = terms_of(text)
        with self._lock:
            scores = self._view(horizon, tuple(sorted(kinds))).bm25.scores(terms)
        found = ((self._ids[row], float(scores[row])) for row in best(scores, limit))
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:limit]

    def snapshot(self, horizon: Horizon) -> str:
        """Return the digest of the sorted ids that a horizon shows, "" when it shows none."""
        with self._lock:
            view = self._view(horizon, _KINDS)
            ids = sorted(self._ids[row] for row in np.flatnonzero(view.visible))
            if ids and not view.snapshot:
                view.snapshot = digest_of("\n".join(ids))
            return view.snapshot

    def _append(self, row: IndexRow) -> None:
        size = len(self._ids)
        if size == self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.empty_like(self._columns)], axis=1)
        run = self._runs.setdefault(row.run_id, len(self._runs))
        self._columns[:, size] = row.seq, _KINDS.index(row.kind), run, row.batch
        self._ids.append(row.memory_id)
        self._postings.append(row.text)
        self.seq = row.seq

    def _view(self, horizon: Horizon, kinds: tuple[str, ...]) -> _View:
        key = (horizon["watermark"], horizon["run_id"], horizon["batch"], kinds)
        view, size = self._views.get(key), len(self._ids)
        if view is None or (view.checked < size and self._visible(horizon, kinds, view.checked).any()):
            visible = self._visible(horizon, kinds, 0)
            view = self._views[key] = _View(visible, size, Bm25View(self._postings, visible))
        view.checked = size
        self._views.move_to_end(key)
        if len(self._views) > KEPT_VIEWS:
            self._views.popitem(last=False)
        return view

    def _visible(self, horizon: Horizon, kinds: tuple[str, ...], start: int) -> NDArray[np.bool_]:
        seq, kind, run, batch = self._columns[:, start : len(self._ids)]
        own = (run == self._runs.get(horizon["run_id"], -1)) & (batch < horizon["batch"])
        seen: Mask = (seq <= horizon["watermark"]) | own
        if len(kinds) < len(_KINDS):
            seen &= np.isin(kind, [_KINDS.index(name) for name in kinds])
        return seen
