"""Search processes that several threads share: started when needed, replaced when they die, ended with the parent."""

import atexit
import json
import os
import queue
import selectors
import struct
import subprocess
import sys
import threading
import time
from typing import Final

from state.errors import TransientError
from state.json_values import JsonObject

WALL_S: Final = 60.0
CANDIDATES_PER_WALL_S: Final = 1_000
"""A search process counts as stuck after WALL_S and its budget at this speed: a backstop behind its CPU limit."""
MAX_ANSWER_BYTES: Final = 8 << 20
_START: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from models.offline.worker import main; main()"
)


class WorkerDiedError(Exception):
    """A search process ended, hung, or answered what is no answer."""


class Worker:
    """One search process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # No secrets for model-written code; a fixed hash seed, so that sets are listed alike in every process.
            env={"PATH": os.defpath, "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def ask(self, asked: JsonObject, wall_s: float) -> JsonObject:
        """Send a request and wait for the answer. Raises WorkerDiedError when there is none."""
        assert self._process.stdin
        body = json.dumps(asked).encode()
        deadline = time.monotonic() + wall_s
        try:
            self._process.stdin.write(struct.pack(">I", len(body)) + body)
            self._process.stdin.flush()
            (size,) = struct.unpack(">I", self._read(4, deadline))
            if size > MAX_ANSWER_BYTES:
                raise WorkerDiedError("its answer is too large")
            answer = json.loads(self._read(size, deadline))
        except (OSError, ValueError) as error:
            raise WorkerDiedError(str(error)) from error
        if not isinstance(answer, dict):
            raise WorkerDiedError("its answer is no object")
        if "failure" in answer:
            raise TransientError(f"the search failed: {answer['failure']}")
        return answer

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._process.stdout
        data = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while len(data) < size:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise WorkerDiedError("it took too long")
                chunk = os.read(self._process.stdout.fileno(), size - len(data))
                if not chunk:
                    raise WorkerDiedError("it ended")
                data += chunk
        return data

    def end(self) -> None:
        """End the process and take it off the process table."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                try:
                    stream.close()
                except OSError:  # unsent bytes for a process that is gone
                    continue


class SearchPool:
    """So many search processes; `ask` blocks while all are busy."""

    def __init__(self, size: int, *, wall_s: float = WALL_S) -> None:
        self.size = size
        self._wall_s = wall_s
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        self._running: set[Worker] = set()
        self._lock = threading.Lock()
        for _ in range(size):
            self._idle.put(None)

    def ask(self, system: str, human: str, budget: int) -> JsonObject:
        """Search in an idle process.

        If a process dies or hangs, code in a memory may have ended it: one more try, without the memories' code.
        Raises TransientError when that fails as well.
        """
        for memories in (True, False):
            try:
                return self._try({"system": system, "human": human, "budget": budget, "memories": memories})
            except WorkerDiedError as error:
                reason = error
        raise TransientError(f"the search process failed twice: {reason}")

    def _try(self, asked: JsonObject) -> JsonObject:
        worker = self._idle.get() or self._start()
        wall_s = self._wall_s + asked["budget"] / CANDIDATES_PER_WALL_S
        healthy = False
        try:
            answer = worker.ask(asked, wall_s)
            healthy = True
            return answer
        finally:
            if not healthy:
                self._end(worker)
            self._idle.put(worker if healthy else None)

    def _start(self) -> Worker:
        worker = Worker()
        with self._lock:
            self._running.add(worker)
        return worker

    def _end(self, worker: Worker) -> None:
        worker.end()
        with self._lock:
            self._running.discard(worker)

    def pids(self) -> list[int]:
        """Return the ids of the processes that are running."""
        with self._lock:
            return sorted(worker.pid for worker in self._running)

    def release(self) -> None:
        """End every idle process; busy ones finish their search. A later request starts new ones."""
        for _ in range(self._idle.qsize()):
            try:
                worker = self._idle.get_nowait()
            except queue.Empty:
                return
            if worker:
                self._end(worker)
            self._idle.put(None)

    def close(self) -> None:
        """End every idle and every busy process. A later request starts new ones."""
        with self._lock:
            running, self._running = self._running, set()
        for worker in running:
            worker.end()
        waiting = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        for _ in waiting:
            self._idle.put(None)


_pools: dict[tuple[int, int], SearchPool] = {}
_pools_lock = threading.Lock()


def pool_of(workers: int | None) -> SearchPool:
    """Return this process's pool of that size (None: one process per core); it is closed when the process ends."""
    size = workers or _cores()
    with _pools_lock:
        key = (os.getpid(), size)  # a forked child must not read from its parent's pipes
        if key not in _pools:
            _pools[key] = SearchPool(size)
        return _pools[key]


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def close_pools() -> None:
    """End all search processes of this process."""
    with _pools_lock:
        mine = [pool for (pid, _), pool in _pools.items() if pid == os.getpid()]
    for pool in mine:
        pool.close()


atexit.register(close_pools)
