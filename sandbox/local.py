"""The sandbox on this machine: a pool of workers, one per core."""

import contextlib
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import asdict

from sandbox.channel import Channel, ChannelError, Received
from sandbox.launch import start_python
from sandbox.lockdown import LEVELS
from sandbox.protocol import Job, Limits
from sandbox.recorder import blank, settle
from sandbox.worker import Arguments, Greeting
from state.errors import PermanentError, SetupError, TransientError
from state.verdict import ExecutionReport, Isolation

_GRACE_S = 30.0
"""How much longer than the program's own wall limit a job may take before its worker counts as broken."""


class LocalSandbox:
    """Runs programs in a pool of worker processes; callers wait while all are busy."""

    def __init__(
        self,
        workers: int | None = None,
        *,
        require: Isolation = "rlimit",
        strongest: Isolation = "full",
        hash_seed: int = 0,
    ) -> None:
        """Offer `workers` slots, by default one per core. Processes start with the first job of a slot.

        require: the weakest level of isolation that is good enough; below it `run` raises SetupError.
        strongest: the level to start from, for machines where a stronger one is known not to work.
        hash_seed: of the programs' interpreters: what answers otherwise under another one depends on the order of sets.
        """
        first, last = LEVELS.index(strongest), LEVELS.index(require)
        if first > last:
            raise SetupError(f"the sandbox can't require {require!r} and be held to {strongest!r}")
        levels = list(LEVELS[first : last + 1])
        cores = _cores()
        first_core = os.getpid()  # several applications with few workers each shall not meet on one core
        self._all = [
            _Slot(levels, cores[(first_core + number) % len(cores)], str(hash_seed))
            for number in range(workers or len(cores))
        ]
        self._free: queue.LifoQueue[_Slot] = queue.LifoQueue()
        for slot in self._all:
            self._free.put(slot)

    def run(self, job: Job, limits: Limits) -> ExecutionReport:
        """Run the program against all tests; see `sandbox.protocol.Sandbox.run`."""
        slot = self._free.get()
        try:
            return slot.run(job, limits)
        finally:
            self._free.put(slot)

    def greet(self) -> Greeting:
        """Start a worker, if none is running, and return what it says of its isolation. Raises SetupError."""
        slot = self._free.get()
        try:
            return slot.worker().greeting
        finally:
            self._free.put(slot)

    def close(self) -> None:
        """End every worker and remove its folder."""
        for slot in self._all:
            slot.close()


def _cores() -> list[int]:
    """Return the cores that this process may use; [-1, …], as many as there are, where it can't choose."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [-1] * (os.cpu_count() or 1)


class _Slot:
    """A place in the pool and the worker that serves it; a worker that breaks is replaced."""

    def __init__(self, levels: list[Isolation], core: int, hash_seed: str) -> None:
        self._levels = levels
        self._core = core
        self._hash_seed = hash_seed
        self._worker: _WorkerHandle | None = None

    def worker(self) -> "_WorkerHandle":
        if self._worker is None:
            try:
                self._worker = _WorkerHandle(self._levels, self._core, self._hash_seed)
            except ChannelError as error:
                raise TransientError(f"a sandbox worker did not start: {error}") from error
        return self._worker

    def run(self, job: Job, limits: Limits) -> ExecutionReport:
        worker = self.worker()
        message = {"job": {**vars(job), "tests": list(job.tests)}, "limits": asdict(limits)}
        try:
            answer = worker.ask(message, limits.wall_s + _GRACE_S)
        except _NoAnswerError:
            self.close()
            return _unanswered(job, limits, worker.greeting["level"])
        except ChannelError as error:
            why = worker.last_words() or str(error)
            self.close()
            raise TransientError(f"a sandbox worker broke and was replaced: {why}") from error
        except BaseException:
            self.close()  # Ctrl-C: the answer that is under way must not meet the next question
            raise
        if isinstance(answer, str):
            raise PermanentError(f"the setup code of the task does not run: {answer}")
        report: ExecutionReport = answer
        return report

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class _NoAnswerError(ChannelError):
    """A worker has not come back long after its program's time was over."""


def _unanswered(job: Job, limits: Limits, level: Isolation) -> ExecutionReport:
    """Report a test that hangs in its judge, on a value that the program gave it (`2 ** candidate(3)`)."""
    verdicts = [blank(f"test {number}", test["visible"]) for number, test in enumerate(job.tests, start=1)]
    settle(verdicts[0], "timeout", f"the tests did not finish within {limits.wall_s:g} s of wall time")
    return {
        "verdicts": verdicts, "stdout": "", "stderr": "", "output_bytes": 0, "cpu_s": 0.0, "wall_s": limits.wall_s,
        "peak_memory_bytes": 0, "limit": "wall", "isolation": level, "coverage": None,
    }  # fmt: skip


class _WorkerHandle:
    """The application's end of a worker process."""

    def __init__(self, levels: list[Isolation], core: int, hash_seed: str) -> None:
        self._scratch = tempfile.mkdtemp(prefix="ratchet-sandbox-")
        os.chmod(self._scratch, 0o711)  # noqa: S103 - who runs as nobody has to pass, not to look
        ours, theirs = socket.socketpair()
        arguments: Arguments = {
            "control": theirs.fileno(), "scratch": self._scratch, "levels": levels, "core": core,
        }  # fmt: skip
        self._log = os.path.join(self._scratch, "log")
        with open(self._log, "wb") as log:
            self._process = start_python("sandbox.worker", {**arguments}, theirs, log.fileno(), hash_seed)
        self._deadline = time.monotonic() + _GRACE_S
        self._socket = ours
        self._channel = Channel(ours, self._tick)
        try:
            self.greeting: Greeting = self._channel.receive()
        except ChannelError:
            self.close()
            raise
        if self.greeting["error"]:
            self.close()
            raise SetupError(
                f"this machine does not allow the isolation level {levels[-1]!r} that is required"
                f" ({self.greeting['error']}). `ratchet doctor` shows every layer."
            )

    def ask(self, message: object, patience_s: float) -> Received:
        self._deadline = time.monotonic() + patience_s
        self._channel.send(message)
        return self._channel.receive()

    def last_words(self) -> str:
        try:
            with open(self._log, "rb") as log:
                return log.read().decode(errors="replace").strip().rpartition("\n")[2]
        except OSError:
            return ""

    def close(self) -> None:
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _tick(self) -> None:
        if time.monotonic() > self._deadline:
            raise _NoAnswerError("it did not answer in time")
