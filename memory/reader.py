"""The two questions of every search, at the driver's speed: how far is the log, and what do these records say."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from memory.caching import HitRate
from memory.record import Record, record_from
from state.errors import LostConnectionError
from storage.engine import Home
from storage.prepared import Prepared
from storage.rows import Cell, RawRow
from storage.tables import memories, memory_log

KEPT_RECORDS = 10_000
_CHUNK = 100  # ids per query

_LAST = Prepared(select(func.max(memory_log.c.seq)))
_CHANGED = Prepared(
    select(memory_log.c.memory_id).where(memory_log.c.seq > bindparam("since"), memory_log.c.event != "add")
)
_COLUMNS = [column.name for column in memories.columns]
_RECORDS = {
    count: Prepared(
        select(memories).where(
            memories.c.memory_id.in_([bindparam(f"id_{n}", type_=memories.c.memory_id.type) for n in range(count)])
        )
    )
    for count in (1, 3, 10, _CHUNK)
}


class Reader:
    """A connection of its own, and the records that were read last."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._dialect = home.engine.dialect
        self._connect()
        self._lock = threading.Lock()
        self._ask_last = _LAST.for_driver(self._dialect, {})
        self._seq = 0
        self._records: OrderedDict[str, Record] = OrderedDict()
        self.caching = HitRate()

    def last(self) -> int:
        """Return the highest sequence of the log; records that changed since are read anew."""
        with self._lock:
            last = int(self._fetched(self._ask_last)[0][0] or 0)
            if last > self._seq:
                for (memory_id,) in self._rows(_CHANGED, {"since": self._seq}):
                    self._records.pop(memory_id, None)
                self._seq = last
            return last

    def records(self, memory_ids: Sequence[str]) -> dict[str, Record]:
        """Return those of the memories that exist, as of the last look at the log or later."""
        with self._lock:
            known = {memory_id: record for memory_id in memory_ids if (record := self._records.get(memory_id))}
            missing = [memory_id for memory_id in memory_ids if memory_id not in known]
            self.caching.count(hit=not missing)
            for start in range(0, len(missing), _CHUNK):
                for record in self._read(missing[start : start + _CHUNK]):
                    known[record.memory_id] = self._records[record.memory_id] = record
            while len(self._records) > KEPT_RECORDS:
                self._records.popitem(last=False)
        return known

    def clear(self) -> None:
        """Drop every record from RAM."""
        with self._lock:
            self._records.clear()

    def close(self) -> None:
        """Give the connection back."""
        self._raw.close()

    def _read(self, memory_ids: Sequence[str]) -> list[Record]:
        size = next(count for count in _RECORDS if count >= len(memory_ids))
        padded = [*memory_ids, *[memory_ids[-1]] * (size - len(memory_ids))]  # few statements, each compiled once
        rows = self._rows(_RECORDS[size], {f"id_{number}": memory_id for number, memory_id in enumerate(padded)})
        return [record_from(dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    def _rows(self, statement: Prepared, parameters: dict[str, Cell]) -> RawRow:
        return statement.opened(self._dialect, self._fetched(statement.for_driver(self._dialect, parameters)))

    def _fetched(self, question: tuple[str, dict[str, Cell]]) -> RawRow:
        try:
            with self._home.naming_errors():
                return self._ask(question)
        except LostConnectionError:  # the server was restarted; looking is safe to do twice
            self._raw.invalidate()
            self._connect()
            return self._ask(question)

    def _ask(self, question: tuple[str, dict[str, Cell]]) -> RawRow:
        self._cursor.execute(*question)
        found: RawRow = self._cursor.fetchall()
        return found

    def _connect(self) -> None:
        self._raw = self._home.raw_connection()
        if self._home.url:
            driver: Any = self._raw.driver_connection
            driver.autocommit = True  # or every look would see the time of the first one
        self._cursor = self._raw.cursor()
