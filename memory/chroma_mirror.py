"""Chroma as a disposable mirror: vectors of large scopes, fed from the log, in a process of its own.

Whatever goes wrong with it (a crash, a corrupt folder, no answer in time) costs a search its vector candidates and the
mirror its folder; the next search starts to build it anew from the records.
"""

import base64
import json
import logging
import os
import queue
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from sqlalchemy import select

from memory.dense import Vector
from memory.record import Scope
from memory.records import scope_conditions
from storage.contents import digest_of
from storage.engine import Home
from storage.tables import memories, memory_log, memory_vectors

log = logging.getLogger(__name__)

FOLDER = "chroma"
BATCH = 100  # records per command: a search that comes in between waits no longer than that takes
ANSWER_S = 30.0
START_S = 120.0  # until the first answer: importing Chroma takes 2 s, and took 30 where ten processes shared two cores


def remove_mirror(home: Home) -> None:
    """Delete the mirror's files; whoever has them open finds out at the next command, and builds them anew.

    The folder is renamed first, so that a process which is writing cannot put a file into what is being deleted.
    """
    folder, doomed = home.folder / FOLDER, home.folder / f"{FOLDER}.removed"
    shutil.rmtree(doomed, ignore_errors=True)  # of a removal that was killed
    with suppress(FileNotFoundError):
        folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


class MirrorBrokenError(Exception):
    """Chroma's process died or gave no answer in time."""


class ChromaMirror:
    """The mirror of one home. Threads may share it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.folder = home.folder / FOLDER
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._feeding: threading.Thread | None = None
        self._opened: int | None = None  # the inode of the folder that the process has open
        self._fed: dict[str, int] = {}  # how far each collection is that this process has caught up with
        self._closed = False
        self.rebuilt = 0  # how often the folder was thrown away

    def nearest(self, scope: Scope, embedder: str, vector: Vector, limit: int) -> list[str]:
        """Return ids near a vector, best first; [] while the mirror is busy, broken or still empty.

        It may be a little behind the log: the caller drops ids that it does not know.
        """
        name = _name(scope, embedder)
        if name not in self._fed or not self._lock.acquire(blocking=False):
            return []
        try:
            command = {"vector": _text(vector.astype("<f4").tobytes()), "limit": limit}
            found: list[str] = self._ask("nearest", name, **command)
        except MirrorBrokenError as error:
            self._discard(error)
            return []
        else:
            return found
        finally:
            self._lock.release()

    def fed(self, scope: Scope, embedder: str) -> int:
        """Return the sequence that this process knows the mirror of a scope to be up to date with, -1 when none."""
        return self._fed.get(_name(scope, embedder), -1)

    def feed(self, scope: Scope, embedder: str, until: int) -> None:
        """Bring the mirror of a scope up to the log's sequence `until`, in the background."""
        if self.fed(scope, embedder) < until and (self._feeding is None or not self._feeding.is_alive()):
            self._feeding = threading.Thread(target=self.catch_up, args=(scope, embedder, until), daemon=True)
            self._feeding.start()

    def catch_up(self, scope: Scope, embedder: str, until: int) -> int:
        """Bring the mirror of a scope up to date now; return how many records were sent. Never raises for Chroma."""
        name = _name(scope, embedder)
        try:
            with self._lock:
                since = self._ask("seq", name)
            sent = self._send(name, scope, embedder, since, until) if since < until else 0
            self._fed[name] = max(since, until)
        except MirrorBrokenError as error:
            with self._lock:
                self._discard(error)
            return 0
        else:
            return sent

    def discard(self) -> None:
        """Throw the mirror away: the next search begins to build it anew."""
        with self._lock:
            self._discard(None)

    def close(self) -> None:
        """End Chroma's process."""
        with self._lock:
            self._closed = True
            self._stop()

    def _send(self, name: str, scope: Scope, embedder: str, since: int, until: int) -> int:
        rows, deleted = self._changes(scope, embedder, since)
        for start in range(0, max(len(rows), 1), BATCH):
            part = rows[start : start + BATCH]
            last = start + BATCH >= len(rows)
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
        if self._closed:
            raise MirrorBrokenError("it is closed")
        if self._opened is not None and self._opened != self._inode():
            raise MirrorBrokenError("its folder was removed, since something was forgotten")
        patience_s = ANSWER_S if self._process else START_S
        process = self._process or self._start()
        assert process.stdin is not None, "the process was started with pipes"
        try:
            process.stdin.write(json.dumps({"do": do, "collection": collection, **command}) + "\n")
            process.stdin.flush()
            answer = self._answers.get(timeout=patience_s)
        except (OSError, queue.Empty) as error:
            raise MirrorBrokenError(f"no answer to {do}") from error
        if not answer:
            raise MirrorBrokenError(f"the process ended during {do}")
        self._opened = self._opened or self._inode()
        return json.loads(answer)

    def _inode(self) -> int | None:
        with suppress(FileNotFoundError):
            return self.folder.stat().st_ino
        return None

    def _start(self) -> "subprocess.Popen[str]":
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "memory.chroma_worker", str(self.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip
        self._answers = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True).start()
        return self._process

    def _discard(self, error: MirrorBrokenError | None) -> None:
        if self._closed:
            return
        if error is not None:
            log.warning("the vector mirror is broken and will be rebuilt", extra={"reason": str(error)})
        self._fed.clear()
        own = self._opened is None or self._opened == self._inode()  # else somebody else's is in its place by now
        self._stop()
        if own:
            remove_mirror(self._home)
        self.rebuilt += 1

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


def _name(scope: Scope, embedder: str) -> str:
    return digest_of(f"{scope}\0{embedder}")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
