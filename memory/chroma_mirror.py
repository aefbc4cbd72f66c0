"""Chroma as a disposable mirror: vectors of large scopes, fed from the log, by a process of its own.

Whatever goes wrong with it (a crash, a corrupt folder, no answer in time) costs a search its vector candidates and the
mirror its folder; the next search starts to build it anew from the records. A server that is away costs them as long
as it is away.
"""

import base64
import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from memory.dense import Vector
from memory.mirror_place import FolderPlace, ServerPlace, doom_collections, servers_to_clean
from memory.record import Scope
from memory.records import scope_conditions
from storage.contents import digest_of
from storage.engine import Home
from storage.locks import locks_of
from storage.tables import memories, memory_log, memory_vectors

log = logging.getLogger(__name__)

BATCH = 100  # records per command: a search that comes in between waits no longer than that takes
ANSWER_S = 30.0
START_S = 120.0  # until the first answer: importing Chroma takes 2 s, and took 30 where ten processes shared two cores
REST_S = 30.0  # before a server that did not answer is asked again
_LOCK = "mirror of vectors"
_GONE = "NotFoundError"  # Chroma's name for it
_TURN_S = 0.1  # between two looks at whether it is free


def remove_mirror(home: Home) -> None:
    """Delete the mirror, wherever it is; who searches builds it anew. What a server keeps that is away goes later."""
    FolderPlace(home).remove()
    doom_collections(home)
    for url in servers_to_clean(home):
        mirror = ChromaMirror(home, url)
        if not mirror.sweep():
            log.warning("what was removed is still on %s: the next search that reaches it deletes it", mirror.place)
        mirror.close()


class MirrorBrokenError(Exception):
    """Chroma's process died, failed, or gave no answer in time."""


class MirrorGoneError(MirrorBrokenError):
    """Somebody deleted the collection on the server, since something was forgotten."""


class ChromaMirror:
    """The mirror of one home: in its folder, or on a server. Threads may share it."""

    def __init__(self, home: Home, url: str = "") -> None:
        self._home = home
        self.place = ServerPlace(home, url) if url else FolderPlace(home)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._feeding: threading.Thread | None = None
        self._opened: int | None = None  # the inode of the folder that the process has open
        self._fed: dict[str, tuple[str, int]] = {}  # collections that this process has caught up with, and how far
        self._rests_until = 0.0  # monotonic: a server that did not answer is left alone
        self._was_away = False
        self._closed = False
        self.rebuilt = 0  # how often the folder was thrown away

    def nearest(self, scope: Scope, embedder: str, vector: Vector, limit: int) -> list[str]:
        """Return ids near a vector, best first; [] while the mirror is busy, broken or still empty.

        It may be a little behind the log: the caller drops ids that it does not know.
        """
        fed = self._fed.get(_digest(scope, embedder))
        if fed is None or not self._lock.acquire(blocking=False):
            return []  # a search does not wait for whoever feeds
        try:
            command = {"vector": _text(vector.astype("<f4").tobytes()), "limit": limit}
            found: list[str] = self._ask("nearest", fed[0], **command)
        except MirrorBrokenError as error:
            self._discard(error)
            return []
        else:
            return found
        finally:
            self._lock.release()

    def fed(self, scope: Scope, embedder: str) -> int:
        """Return the sequence that this process knows the mirror of a scope to be up to date with, -1 when none."""
        return self._fed.get(_digest(scope, embedder), ("", -1))[1]

    def feed(self, scope: Scope, embedder: str, until: int) -> None:
        """Bring the mirror of a scope up to the log's sequence `until`, in the background."""
        behind = self.fed(scope, embedder) < until and time.monotonic() >= self._rests_until
        if behind and (self._feeding is None or not self._feeding.is_alive()):
            self._feeding = threading.Thread(target=self.catch_up, args=(scope, embedder, until), daemon=True)
            self._feeding.start()

    def catch_up(self, scope: Scope, embedder: str, until: int) -> int:
        """Bring the mirror of a scope up to date now; return how many records were sent. Never raises for Chroma.

        One process at a time does that, on whatever machine: while another one does, nothing is sent.
        """
        with self._turn(0.0) as is_mine:
            if not is_mine or not self._sweep():
                return 0
            digest = _digest(scope, embedder)
            name = self.place.collection(digest)
            try:
                with self._lock:
                    since = self._ask("seq", name)
                sent = self._send(name, scope, embedder, since, until) if since < until else 0
                self._fed[digest] = (name, max(since, until))
            except MirrorBrokenError as error:
                with self._lock:
                    self._discard(error)
                return 0
            else:
                return sent

    def sweep(self) -> bool:
        """Delete from the server what was thrown away, once nobody feeds it; False where that could not be done."""
        with self._turn(ANSWER_S) as is_mine:
            return is_mine and self._sweep()

    def discard(self) -> None:
        """Throw the mirror away: the next search begins to build it anew."""
        with self._lock:
            self._discard(None)
            self._rests_until = 0.0

    def close(self) -> None:
        """End Chroma's process."""
        with self._lock:
            self._closed = True
            self._stop()

    @contextmanager
    def _turn(self, patience_s: float) -> Iterator[bool]:
        """Be the only one who feeds, or deletes, while the block lasts; False where somebody else is."""
        locks, deadline = locks_of(self._home), time.monotonic() + patience_s
        while not (is_mine := locks.take(_LOCK)) and time.monotonic() < deadline:
            time.sleep(_TURN_S)
        try:
            yield is_mine
        finally:
            if is_mine:
                locks.release(_LOCK)

    def _sweep(self) -> bool:
        """Delete what is doomed on the server; the caller has the turn."""
        if isinstance(self.place, FolderPlace):
            return True
        try:
            for prefix in self.place.doomed():
                with self._lock:
                    self._ask("drop", prefix)
                self.place.deleted(prefix)
        except MirrorBrokenError as error:
            with self._lock:
                self._discard(error)
            return False
        else:
            return True

    def _send(self, name: str, scope: Scope, embedder: str, since: int, until: int) -> int:
        rows, deleted = self._changes(scope, embedder, since)
        for start in range(0, max(len(rows), 1), BATCH):
            part = rows[start : start + BATCH]
            last = start + BATCH >= len(rows)
            # The sequence goes up with every batch, so that after a kill the next process goes on from there; deletions
            # are not in order with the rows, and so come with the last one, whose sequence vouches for all of them.
            command = {
                "ids": [row[0] for row in part], "vectors": _text(b"".join(row[1] for row in part)),
                "deleted": deleted if last else [], "seq": until if last else part[-1][2],
            }  # fmt: skip
            with self._lock:
                self._ask("apply", name, **command)
        return len(rows)

    def _changes(self, scope: Scope, embedder: str, since: int) -> tuple[list[tuple[str, bytes, int]], list[str]]:
        """Return (id, vector, sequence) of what changed, by sequence, and the ids that were forgotten."""
        c, v = memories.c, memory_vectors.c
        joined = memory_vectors.join(memories, (c.memory_id == v.memory_id) & (c.digest == v.digest))
        chosen = [v.embedder == embedder, c.changed_seq > since, *scope_conditions(scope)]
        gone = select(memory_log.c.memory_id).where(memory_log.c.seq > since, memory_log.c.event == "forget")
        with self._home.reading() as connection:
            query = select(c.memory_id, v.vector, c.changed_seq).select_from(joined).where(*chosen)
            rows = [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(c.changed_seq))]
            return rows, list(connection.execute(gone).scalars()) if since else []

    def _ask(self, do: str, collection: str, **command: Any) -> Any:
        """Send a command and wait for its answer; the caller holds the lock."""
        self._refuse_stale()
        patience_s = ANSWER_S if self._process else START_S
        try:
            process = self._process or self._start()
            assert process.stdin is not None, "the process was started with pipes"
            process.stdin.write(json.dumps({"do": do, "collection": collection, **command}) + "\n")
            process.stdin.flush()
            answer = self._answers.get(timeout=patience_s)
        except (OSError, queue.Empty) as error:
            raise MirrorBrokenError(f"no answer to {do}: {error or type(error).__name__}") from error
        if not answer:
            raise MirrorBrokenError(f"the process ended during {do}")
        said = json.loads(answer)
        if isinstance(said, dict):
            raise self._failure(said["failed"])
        self._opened = self._opened or self.place.inode()
        self._was_away = False
        return said

    def _failure(self, said: str) -> MirrorBrokenError:
        return MirrorGoneError(said) if said.startswith(_GONE) and self.place.is_shared else MirrorBrokenError(said)

    def _refuse_stale(self) -> None:
        """Raise MirrorBrokenError where the process does not have, or no longer has, the files that are the mirror."""
        if self._closed:
            raise MirrorBrokenError("it is closed")
        if self._opened is not None and self._opened != self.place.inode():
            raise MirrorBrokenError("its folder was removed, since something was forgotten")

    def _start(self) -> "subprocess.Popen[str]":
        self.place.reach()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "memory.chroma_worker", self.place.target],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip
        self._answers = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True).start()
        return self._process

    def _discard(self, error: MirrorBrokenError | None) -> None:
        """Throw the mirror away, or, after an error of a server, what this process knows of it."""
        if self._closed:
            return
        self._fed.clear()
        if error is not None and self.place.is_shared:
            self._stop()
            if not isinstance(error, MirrorGoneError):
                self._leave_alone(error)
            return
        if error is not None:
            log.warning("the vector mirror is broken and will be rebuilt", extra={"reason": str(error)})
        own = self._opened is None or self._opened == self.place.inode()  # else somebody else's is there by now
        self._stop()
        if own:
            self.place.remove()
        self.rebuilt += 1

    def _leave_alone(self, error: MirrorBrokenError) -> None:
        """Ask a server no more for a while, and say so once, until it has answered again."""
        self._rests_until = time.monotonic() + REST_S
        if not self._was_away:
            log.warning("%s does not answer: searches go on without it (%s)", self.place, error)
        self._was_away = True

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    _close(pipe)
            self._process = self._opened = None


def _listen(process: "subprocess.Popen[str]", answers: "queue.SimpleQueue[str]") -> None:
    """Hand on answers, and "" when the process has ended."""
    assert process.stdout is not None, "the process was started with pipes"
    try:
        for line in process.stdout:
            answers.put(line)
    except ValueError:
        log.debug("the pipe was closed while it was read")
    answers.put("")


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:
        log.debug("what was still to be written has no reader")


def _digest(scope: Scope, embedder: str) -> str:
    return digest_of(f"{scope}\0{embedder}")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
