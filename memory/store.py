"""The memory: records in the relational home, searched through indexes that are derived from them."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from memory.index import IndexRow, ScopeIndex
from state.errors import RatchetError
from state.memory_item import Horizon, MemoryDraft, MemoryHit, MemoryQuery
from storage.contents import digest_of
from storage.engine import Home, insert_new
from storage.tables import memories

KEPT_RECORDS = 4096
WHY = "bm25 {:.3f}"


class MemoryStore:
    """Memories of a home. Threads may share one store, and processes one home."""

    def __init__(self, home: Home, *, now: Callable[[], float] = time.time) -> None:
        self._home = home
        self._now = now
        self._index = ScopeIndex()
        self._refreshing, self._recording = threading.Lock(), threading.Lock()
        self._records: OrderedDict[str, MemoryHit] = OrderedDict()
        self._reader = _Reader(home)

    def add(self, draft: MemoryDraft) -> str:
        """Store a memory and return its id; the same kind and cause again changes nothing."""
        memory_id = digest_of(f"{draft['kind']}\0{draft['cause']}")
        fields = {key: value for key, value in draft.items() if key != "origin"}
        row = {"memory_id": memory_id, **fields, **draft["origin"], "created_at": self._now()}
        with self._home.writing() as connection:
            insert_new(connection, memories, [row])
        return memory_id

    def search(self, query: MemoryQuery) -> list[MemoryHit]:
        """Return the best memories inside the query's horizon, best first, ties by id."""
        self._refresh()
        found = self._index.search(query["text"], query["kinds"], query["horizon"], query["limit"])
        hits = self.get([memory_id for memory_id, _ in found])
        for hit, (_, score) in zip(hits, found, strict=True):
            hit["score"], hit["why"] = score, WHY.format(score)
        return hits

    def get(self, memory_ids: Sequence[str]) -> list[MemoryHit]:
        """Return memories by id, in order, with score 0; raises RatchetError when there is no such memory."""
        known = {memory_id: hit for memory_id in memory_ids if (hit := self._records.get(memory_id))}
        known.update(self._read([memory_id for memory_id in memory_ids if memory_id not in known]))
        absent = [memory_id for memory_id in memory_ids if memory_id not in known]
        if absent:
            raise RatchetError(f"no memory {absent[0]} in {self._home.folder}")
        return [known[memory_id].copy() for memory_id in memory_ids]

    def watermark(self) -> int:
        """Return the highest sequence of the log, 0 when nothing was ever remembered."""
        return self._reader.last()

    def snapshot(self, horizon: Horizon) -> str:
        """Return a digest of the memories that a horizon shows, "" when it shows none.

        Two runs that see the same memories get the same digest, in whatever order they were written.
        """
        self._refresh()
        return self._index.snapshot(horizon)

    def close(self) -> None:
        """Give back the connection that follows the log."""
        self._reader.close()

    def _refresh(self) -> None:
        if self._reader.last() <= self._index.seq:
            return
        with self._refreshing:
            c = memories.c
            columns = (c.seq, c.memory_id, c.kind, c.run_id, c.batch, c.text)
            query = select(*columns).where(c.seq > self._index.seq).order_by(c.seq)
            with self._home.reading() as connection:
                self._index.extend(IndexRow(*row) for row in connection.execute(query))

    def _read(self, memory_ids: Sequence[str]) -> dict[str, MemoryHit]:
        if not memory_ids:
            return {}
        rows = self._reader.records(memory_ids)
        found: dict[str, MemoryHit] = {}
        for memory_id, kind, text, code, entry_point in rows:
            found[memory_id] = {
                "memory_id": memory_id, "kind": kind, "text": text, "code": code, "entry_point": entry_point,
                "score": 0.0, "why": "",
            }  # fmt: skip
        with self._recording:
            self._records.update(found)
            while len(self._records) > KEPT_RECORDS:
                self._records.popitem(last=False)
        return found


class _Reader:
    """A connection of its own for the two questions of every search, which have to be cheap."""

    def __init__(self, home: Home) -> None:
        dialect = home.engine.dialect
        style: Any = "named" if dialect.name == "sqlite" else dialect.paramstyle
        self._dialect = type(dialect)(paramstyle=style)
        self._last = self._compiled(select(func.max(memories.c.seq)))
        self._records: dict[int, str] = {}  # by number of ids
        self._raw = home.engine.raw_connection()
        if dialect.name == "postgresql":
            driver: Any = self._raw.driver_connection
            driver.autocommit = True  # or every look would see the time of the first one
        self._cursor = self._raw.cursor()
        self._lock = threading.Lock()

    def last(self) -> int:
        """Return the highest sequence that is committed."""
        with self._lock:
            self._cursor.execute(self._last)
            return int(self._cursor.fetchall()[0][0] or 0)

    def records(self, memory_ids: Sequence[str]) -> Sequence[Any]:
        """Return (id, kind, text, code, entry point) of those memories that exist, in any order."""
        count = len(memory_ids)
        if count not in self._records:
            c = memories.c
            chosen = c.memory_id.in_([bindparam(f"id_{number}") for number in range(count)])
            self._records[count] = self._compiled(
                select(c.memory_id, c.kind, c.text, c.code, c.entry_point).where(chosen)
            )
        with self._lock:
            self._cursor.execute(self._records[count], {f"id_{n}": memory_id for n, memory_id in enumerate(memory_ids)})
            return self._cursor.fetchall()

    def close(self) -> None:
        """Give the connection back."""
        self._raw.close()

    def _compiled(self, statement: Select[Any]) -> str:
        return str(statement.compile(dialect=self._dialect))
