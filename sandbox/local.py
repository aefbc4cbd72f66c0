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
from typing import Any

from sandbox.channel import Channel, ChannelError
from sandbox.launch import CLEAN_ENVIRONMENT, python_command
from sandbox.protocol import Job, Limits
from state.errors import PermanentError, TransientError
from state.verdict import ExecutionReport

_GRACE_S = 30.0
"""How much longer than the program's own wall limit a job may take before its worker counts as broken."""


class LocalSandbox:
    """Runs programs in a pool of worker processes; callers wait while all are busy."""

    def __init__(self, workers: int | None = None) -> None:
        """Offer `workers` slots, by default one per core. Processes start with the first job of a slot."""
        count = workers or os.cpu_count() or 1
        self._slots: queue.LifoQueue[_Slot] = queue.LifoQueue()
        self._all = [_Slot() for _ in range(count)]
        for slot in self._all:
            self._slots.put(slot)

    def run(self, job: Job, limits: Limits) -> ExecutionReport:
        """Run the program against all tests; see `sandbox.protocol.Sandbox.run`."""
        slot = self._slots.get()
        try:
            return slot.run(job, limits)
        finally:
            self._slots.put(slot)

    def close(self) -> None:
        """End every worker and remove its folder."""
        for slot in self._all:
            slot.close()


class _Slot:
    """A place in the pool and the worker that serves it; a worker that breaks is replaced."""

    def __init__(self) -> None:
        self._worker: _WorkerHandle | None = None

    def run(self, job: Job, limits: Limits) -> ExecutionReport:
        message = {"job": {**vars(job), "tests": list(job.tests)}, "limits": asdict(limits)}
        try:
            if self._worker is None:
                self._worker = _WorkerHandle()
            answer = self._worker.ask(message, limits.wall_s + _GRACE_S)
        except ChannelError as error:
            self.close()
            raise TransientError(f"a sandbox worker broke and was replaced: {error}") from error
        if isinstance(answer, str):
            raise PermanentError(f"the setup code of the task does not run: {answer}")
        report: ExecutionReport = answer
        return report

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class _WorkerHandle:
    """The application's end of a worker process."""

    def __init__(self) -> None:
        self._scratch = tempfile.mkdtemp(prefix="ratchet-sandbox-")
        for role in ("program", "judge"):
            os.mkdir(os.path.join(self._scratch, role), 0o700)
        ours, theirs = socket.socketpair()
        arguments = {"control": theirs.fileno(), "scratch": self._scratch}
        self._process = subprocess.Popen(
            python_command("sandbox.worker", arguments),
            pass_fds=[theirs.fileno()],
            env=CLEAN_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        self._deadline = time.monotonic() + _GRACE_S
        self._socket = ours
        self._channel = Channel(ours, self._tick)
        self.hello: Any = self._channel.receive()

    def ask(self, message: object, patience_s: float) -> Any:
        self._deadline = time.monotonic() + patience_s
        self._channel.send(message)
        return self._channel.receive()

    def close(self) -> None:
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _tick(self) -> None:
        if time.monotonic() > self._deadline:
            raise ChannelError("it did not answer in time")
