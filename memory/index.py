"""The in-process index of one scope: derived from the records, kept fresh by the log's sequence."""

import json
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.caching import HitRate
from memory.dense import Vector
from memory.filters import Attributes, Group
from memory.neighbours import Neighbours
from memory.postings import Mask, best
from memory.question import Question, is_code
from memory.ranking import Engines, Meaning, Ranker, Ranking, Scored, Weights
from memory.record import KINDS, Scope
from memory.records import Changes
from memory.titles import title_of
from memory.words import indexed_text
from state.memory_item import Horizon
from storage.contents import digest_of
from storage.rows import Cell, RowValues

KEPT_VIEWS = 8  # one per run and kind of question that is under way in this process
WORN_FROM = 2_000  # rows
KEPT_ANSWERS = 1000  # per view
# Of a score: sums of floats differ in their last digits by the order of the words, which others' memories decide too.
DIGITS = 9
# Columns of numbers, one row per record; version 0: replaced or forgotten.
SEQ, KIND, RUN, BATCH, HIDDEN_SEQ, HIDDEN_RUN, HIDDEN_BATCH, THREAD, CODE, VERSION = range(10)


@dataclass(frozen=True, slots=True)
class Sight:
    """Which records a search may see. Without a horizon: all of the scope."""

    kinds: tuple[str, ...] = KINDS
    hidden: bool = False  # superseded, archived and consolidated records as well
    expired: bool = False
    watermark: int | None = None
    run_id: str = ""
    batch: int = 0
    ancestors: tuple[tuple[str, int], ...] = ()  # runs that this one was forked from, and before which batch of each

    @property
    def line(self) -> dict[str, int]:
        """Return the run and those it was forked from, with the batch before which each one's memories are seen."""
        return {**dict(self.ancestors), self.run_id: self.batch} if self.run_id else {}


def sight_of(horizon: Horizon, kinds: Sequence[str] = KINDS) -> Sight:
    """Return what an episode may see."""
    return Sight(
        tuple(sorted(kinds)), watermark=horizon["watermark"], run_id=horizon["run_id"], batch=horizon["batch"],
        ancestors=tuple((one["run_id"], one["batch"]) for one in horizon.get("ancestors", [])),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """How many records a search wants, and of which."""

    limit: int
    filters: Group | None = None
    now: float = 0.0  # seconds since the epoch: decides what has expired
    vector: Vector | None = None  # of the question, where there is a dense embedder
    near: Sequence[str] = ()  # ids that an approximate index found near it


@dataclass(slots=True)
class _View:
    """The rows that are in sight, and what was computed from them."""

    visible: Mask
    checked: int  # rows looked at so far: later ones were all out of sight
    ranker: Ranker
    snapshot: str = ""
    answers: "OrderedDict[Any, list[Scored]]" = field(default_factory=OrderedDict)  # to earlier questions


class ScopeIndex:
    """Postings, attributes and visibility of the records of one scope. Threads may share it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.seq = 0  # the log is taken into account up to here
        self.caching = HitRate()
        self.refreshing = threading.Lock()  # held by who reads the log for everyone
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._engines = Engines()
        self._attributes = Attributes()
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._numbers: dict[str, int] = {"": 0}  # runs and threads by name
        self._columns = np.zeros((10, 1024), np.int64)
        self._expiry = array("d")
        self._expiring = False
        self._further: list[tuple[int, int, int]] = []  # (row, run, batch): runs beyond the first
        self._hidings: set[tuple[int, int, int]] = set()  # the same: runs beyond the first that hid a record
        self._views: OrderedDict[Sight, _View] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def worn(self) -> bool:
        """Tell whether most rows are of replaced or forgotten records: it is time to build the index anew."""
        return len(self._ids) > WORN_FROM and len(self._rows) < len(self._ids) / 2

    @property
    def expiring(self) -> bool:
        """Tell whether what is found may change with time alone."""
        return self._expiring

    def apply(self, changes: Changes) -> None:
        """Take changes of the log into account; those that are known already change nothing."""
        with self._lock:
            if changes.until <= self.seq:
                return
            for memory_id in changes.forgotten & self._rows.keys():
                self._bury(memory_id)
            for row in changes.rows:
                self._take(row)
            for memory_id, vector in changes.vectors:
                self._engines.vectors.put(self._rows[memory_id], np.frombuffer(vector, "<f4"))
            for memory_id, run, batch in changes.origins:
                self._further.append((self._rows[memory_id], self._number(run), batch))
                self._views.clear()
            for memory_id, run, batch in changes.hidings:
                self._hidings.add((self._rows[memory_id], self._number(run), batch))
            self.seq = changes.until

    def search(self, question: Question, weights: Weights, sight: Sight, asked: Asked) -> list[Scored]:
        """Return the best records in sight by falling score, ties by id."""
        key = (question.text, weights, asked.filters, asked.limit)
        with self._lock:
            view = self._view(sight)
            answer = None if self._expiring else view.answers.get(key)
            self.caching.count(hit=answer is not None)
            if answer is None:
                ranking = view.ranker.ranking(question, weights, self._meaning(asked))
                answer = view.answers[key] = self._answer(ranking, asked)
                if len(view.answers) > KEPT_ANSWERS:
                    view.answers.popitem(last=False)
        return answer

    def _meaning(self, asked: Asked) -> Meaning | None:
        if asked.vector is None:
            return None
        near = [self._rows[memory_id] for memory_id in asked.near if memory_id in self._rows]
        return Meaning(asked.vector, np.array(near, np.intp))

    def _answer(self, ranking: Ranking, asked: Asked) -> list[Scored]:
        passing = self._passing(asked.filters, len(ranking.scores), asked.now)
        scores = ranking.scores if passing is None else np.where(passing, ranking.scores, 0.0)
        rows = best(scores, asked.limit)
        ranked = sorted((-round(float(scores[row]), DIGITS), self._ids[row], int(row)) for row in rows)[: asked.limit]
        return [Scored(memory_id, -score, ranking.explained(row)) for score, memory_id, row in ranked]

    def listed(self, sight: Sight, filters: Group | None, now: float) -> list[str]:
        """Return the ids of every record in sight that passes the filters, oldest first."""
        with self._lock:
            visible = self._view(sight).visible
            passing = self._passing(filters, len(visible), 0.0 if sight.expired else now)
            rows = np.flatnonzero(visible if passing is None else visible & passing)
            return [self._ids[row] for row in rows[np.argsort(self._columns[SEQ, rows], kind="stable")]]

    def snapshot(self, sight: Sight) -> str:
        """Return the digest of the sorted ids in sight, "" when there are none."""
        with self._lock:
            view = self._view(sight)
            if not view.snapshot and view.visible.any():
                view.snapshot = digest_of("\n".join(sorted(self._ids[row] for row in np.flatnonzero(view.visible))))
            return view.snapshot

    def _take(self, row: RowValues) -> None:
        known = self._rows.get(row["memory_id"])
        if known is not None and self._columns[VERSION, known] != row["version"]:
            self._bury(row["memory_id"])
            known = None
        if known is None:
            known = self._append(row)
        else:
            self._views.clear()
        self._expiry[known] = np.inf if row["expires_at"] is None else row["expires_at"]
        self._expiring |= row["expires_at"] is not None
        self._columns[HIDDEN_SEQ : HIDDEN_BATCH + 1, known] = (
            row["hidden_seq"], self._number(row["hidden_run"]), row["hidden_batch"],
        )  # fmt: skip

    def _append(self, row: RowValues) -> int:
        number = len(self._ids)
        if number == self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.zeros_like(self._columns)], axis=1)
        self._columns[:, number] = (
            row["seq"], KINDS.index(row["kind"]), self._number(row["run_id"]), row["batch"],
            0, 0, 0, self._number(row["thread"]), is_code(row["text"]), row["version"],
        )  # fmt: skip
        attributes = json.loads(row["attributes"])
        self._ids.append(row["memory_id"])
        self._rows[row["memory_id"]] = number
        self._engines.postings.append(indexed_text(row["text"], row["entry_point"], attributes))
        self._engines.titles.append(self._engines.postings.numbers(title_of(row["text"], row["entry_point"])))
        self._expiry.append(np.inf)
        self._attributes.append(number, {**attributes, **_own_fields(row)})
        return number

    def _bury(self, memory_id: str) -> None:
        self._columns[VERSION, self._rows.pop(memory_id)] = 0
        self._views.clear()

    def _number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def _view(self, sight: Sight) -> _View:
        view, size = self._views.get(sight), len(self._ids)
        if view is None or (view.checked < size and self._visible(sight, view.checked).any()):
            visible = self._visible(sight, 0)
            neighbours = Neighbours(self._columns[THREAD, :size], self._columns[SEQ, :size], visible)
            ranker = Ranker(self._engines, visible, neighbours, self._columns[CODE, :size] > 0)
            view = self._views[sight] = _View(visible, size, ranker)
        view.checked = size
        self._views.move_to_end(sight)
        if len(self._views) > KEPT_VIEWS:
            self._views.popitem(last=False)
        return view

    def _visible(self, sight: Sight, start: int) -> Mask:
        columns = self._columns[:, start : len(self._ids)]
        seen = columns[VERSION] > 0
        if len(sight.kinds) < len(KINDS):
            seen &= np.isin(columns[KIND], [KINDS.index(kind) for kind in sight.kinds])
        if sight.watermark is None:
            return np.asarray(seen if sight.hidden else seen & (columns[HIDDEN_SEQ] == 0), np.bool_)
        ends = {self._numbers.get(run, -1): batch for run, batch in sight.line.items()}
        added = _before(columns[SEQ : BATCH + 1][[0, 2, 3]], sight.watermark, ends)
        added[_rows_before(self._further, start, ends)] = True
        hidden = (columns[HIDDEN_SEQ] > 0) & _before(columns[HIDDEN_SEQ : HIDDEN_BATCH + 1], sight.watermark, ends)
        hidden[_rows_before(self._hidings, start, ends)] = True
        return np.asarray(seen & added if sight.hidden else seen & added & ~hidden, np.bool_)

    def _passing(self, filters: Group | None, size: int, now: float) -> Mask | None:
        """Return what passes the filters and has not expired; None when everything does."""
        passing = self._attributes.mask(filters, size) if filters is not None else None
        if self._expiring:
            fresh = np.array(self._expiry[:size]) > now
            passing = fresh if passing is None else passing & fresh
        return passing


def _before(when: NDArray[np.int64], watermark: int, ends: Mapping[int, int]) -> Mask:
    """Tell what happened before a horizon: rows of (sequence, run, batch), and where each run of its line ends."""
    seq, run, batch = when
    found = seq <= watermark
    for number, end in ends.items():
        found = found | ((run == number) & (batch < end))
    return np.asarray(found, np.bool_)


def _rows_before(events: Iterable[tuple[int, int, int]], start: int, ends: Mapping[int, int]) -> list[int]:
    """Return the rows, counted from `start`, of which one of (row, run, batch) happened before its run's end."""
    return [row - start for row, run, batch in events if row >= start and batch < ends.get(run, 0)]


def _own_fields(row: RowValues) -> dict[str, Cell]:
    """Return what a record itself has that filters may ask for."""
    scopes = {"user_id": "user_scope", "project_id": "project_scope", "agent_id": "agent_scope", "run_id": "run_scope"}
    own = {name: row[column] for name, column in scopes.items() if row[column]}
    return {**own, "kind": row["kind"], "thread": row["thread"], "entry_point": row["entry_point"]}
