"""Care for saved threads: how much they take, taking them away, and the texts that nothing refers to any more."""

import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from langgraph.checkpoint.sqlite import SqliteSaver
from sqlalchemy import delete, select

from checkpoints.history import waiting_nodes
from checkpoints.savers import AnySaver, Saver
from storage.engine import Home, vacuum
from storage.sealing import holds_text
from storage.tables import contents, metadata

ADDRESS = re.compile(r"\b[0-9a-f]{32}\b")
ROWS = 500  # per query
UUID_EPOCH_S = 12_219_292_800  # seconds from 1582-10-15, where UUIDs count from, to 1970


@dataclass(frozen=True, kw_only=True)
class SavedThread:
    """A thread and what it takes."""

    thread_id: str
    checkpoints: int
    size_bytes: int
    """Of checkpoints and pending writes, texts not counted: threads share them."""
    last_at: float
    """When its last checkpoint was written, in seconds since the epoch."""

    @property
    def kind(self) -> str:
        """What it is: run, period (an optimisation or care of a run), optimisation, fork or episode."""
        if self.thread_id.startswith("run-"):
            return "period" if ":" in self.thread_id else "run"
        if self.thread_id.startswith("opt-"):
            return "optimisation"
        return "fork" if self.thread_id.startswith("fork-") else "episode"


_SQLITE_SIZES = (
    "SELECT thread_id, COUNT(*), SUM(LENGTH(checkpoint) + LENGTH(metadata)), MAX(checkpoint_id) "
    "FROM checkpoints GROUP BY thread_id",
    "SELECT thread_id, SUM(LENGTH(value)) FROM writes GROUP BY thread_id",
)
_POSTGRES_SIZES = (
    "SELECT thread_id, COUNT(*), SUM(LENGTH(checkpoint::text) + LENGTH(metadata::text)), "
    'MAX(checkpoint_id COLLATE "C") FROM checkpoints GROUP BY thread_id',
    "SELECT thread_id, SUM(LENGTH(blob)) FROM (SELECT thread_id, blob FROM checkpoint_blobs UNION ALL "
    "SELECT thread_id, blob FROM checkpoint_writes) AS kept GROUP BY thread_id",
)


def saved_threads(saver: Saver) -> list[SavedThread]:
    """Return every thread, the one that was written to last first."""
    if isinstance(saver, SqliteSaver):
        rows, others = (saver.conn.execute(query).fetchall() for query in _SQLITE_SIZES)
    else:
        from checkpoints.postgres import query_rows

        rows, others = (query_rows(saver, query) for query in _POSTGRES_SIZES)
    writes = dict(others)
    found = [
        SavedThread(
            thread_id=thread_id,
            checkpoints=count,
            size_bytes=int(size + (writes.get(thread_id) or 0)),
            last_at=written_at(last),
        )
        for thread_id, count, size, last in rows
    ]
    return sorted(found, key=lambda thread: (-thread.last_at, thread.thread_id))


def written_at(checkpoint_id: str) -> float:
    """Return when a checkpoint was written, in seconds since the epoch: its id, a UUID of version 6, begins with it."""
    digits = checkpoint_id.replace("-", "")
    return int(digits[:12] + digits[13:16], 16) / 1e7 - UUID_EPOCH_S


def is_finished(saver: AnySaver, thread_id: str) -> bool:
    """Tell whether a thread has come to its end: nothing waits in its last checkpoint."""
    last = saver.get_tuple({"configurable": {"thread_id": thread_id}})
    return last is None or not (waiting_nodes(last) or "__start__" in last.checkpoint["channel_values"])


def give_back_space(saver: Saver, home: Home) -> None:
    """Shrink the files to what is in them. Nobody else may be working on the home.

    On PostgreSQL the room of deleted rows is made free for new ones; the files stay as large as they are.
    """
    if not isinstance(saver, SqliteSaver):
        return vacuum(home)
    saver.conn.execute("PRAGMA incremental_vacuum").fetchall()
    saver.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection = sqlite3.connect(str(home.engine.url.database))
    try:
        connection.execute("VACUUM")
    finally:
        connection.close()
    return None


def addresses_in(saver: AnySaver, thread_id: str) -> set[str]:
    """Return everything in a thread's checkpoints and writes that may be the address of a text."""
    found: set[str] = set()
    for point in list(saver.list({"configurable": {"thread_id": thread_id}})):
        found |= set(ADDRESS.findall(repr(point.checkpoint["channel_values"])))
        found |= set(ADDRESS.findall(repr(point.pending_writes)))
    return found


def addresses_in_rows(home: Home) -> set[str]:
    """Return everything in the home's tables, but the texts themselves, that may be the address of a text."""
    found: set[str] = set()
    with home.reading() as connection:
        for table in metadata.sorted_tables:
            columns = [column for column in table.columns if holds_text(column)]
            if table is not contents and columns:
                for row in connection.execute(select(*columns)):
                    found |= {address for text in row if text for address in ADDRESS.findall(text)}
    return found


def texts_at(home: Home, addresses: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (address, text) of those addresses that are in the content store, and of all that their texts refer to."""
    seen: set[str] = set()
    waiting = sorted(set(addresses))
    while waiting:
        seen |= set(waiting)
        referred: set[str] = set()
        for some in _chunks(waiting):
            with home.reading() as connection:
                rows = connection.execute(select(contents).where(contents.c.digest.in_(some))).all()
            for digest, body in rows:
                text = zlib.decompress(body).decode("utf-8", "surrogatepass")
                referred |= set(ADDRESS.findall(text))
                yield digest, text
        waiting = sorted(referred - seen)


def drop_other_texts(home: Home, kept: set[str]) -> int:
    """Remove the texts at all other addresses; return how many."""
    with home.reading() as connection:
        every = set(connection.execute(select(contents.c.digest)).scalars())
    gone = sorted(every - kept)
    with home.writing() as connection:
        for some in _chunks(gone):
            connection.execute(delete(contents).where(contents.c.digest.in_(some)))
    return len(gone)


def _chunks(items: Iterable[str]) -> Iterator[list[str]]:
    left = iter(items)
    while some := list(islice(left, ROWS)):
        yield some
