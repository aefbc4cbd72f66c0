"""The process in which searches run: it reads requests from a pipe, answers on another, and has limits.

Memories hold model-written code: it runs here and nowhere else. The environment is empty but for PATH, new files,
core dumps and large memory are refused, and what the code prints goes nowhere.
"""

import gc
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from types import FrameType
from typing import Any, BinaryIO, Final

from models.offline.bank import Budget
from models.offline.roles import Said, respond
from state.json_values import JsonObject

MEMORY_BYTES: Final = 768 << 20
BASE_CPU_S: Final = 2.0
CANDIDATES_PER_CPU_S: Final = 10_000
"""A fifteenth of the usual speed. After so long a search ends with what it has: a safety net, the budget counts."""
LAST_CPU_S: Final = 1
"""CPU seconds more, and the process is ended: it hangs in one operation that cannot be interrupted."""
ORPHAN_CHECK_S: Final = 2.0


def main() -> None:
    """Serve requests until the parent closes the pipe or is gone."""
    parent = os.getppid()
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    _silence()
    _limit()
    gc.disable()  # a fifth of the time; what a search leaves behind is collected between requests
    while True:
        ready, _, _ = select.select([incoming], [], [], ORPHAN_CHECK_S)
        if not ready:
            if os.getppid() != parent:
                return
            continue
        payload = read_message(incoming)
        if payload is None:
            return
        write_message(outgoing, _answer(json.loads(payload)))
        gc.collect()
        gc.freeze()  # what is alive now are tables and caches: no later collection need look at them


def _answer(asked: JsonObject) -> bytes:
    budget = Budget(asked["budget"])
    cpu_s = BASE_CPU_S + budget.total / CANDIDATES_PER_CPU_S
    _end_after(cpu_s + LAST_CPU_S)
    before = signal.signal(signal.SIGPROF, _stopper(budget))
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        said = asdict(respond(asked["system"], asked["human"], budget, code=asked["memories"]))
    except RecursionError:
        said = asdict(Said("I have no program for this. The task is nested too deeply for me.", {"candidates": 0}))
    except MemoryError:
        raise  # this process is full of what some code made: it ends, and another one is asked without that code
    except Exception as error:  # noqa: BLE001 reported to the caller: this process must go on serving
        said = {"failure": f"{type(error).__name__}: {error}"[:500]}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return json.dumps(said).encode()


def _end_after(cpu_s: float) -> None:
    """Have the system end this process once it has used so much more CPU time."""
    with suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + cpu_s) + 1, most))


def _stopper(budget: Budget) -> Any:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        budget.stop()

    return stop


def _silence() -> None:
    """Send what model-written code prints nowhere, and give it nothing to read."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def _limit() -> None:
    """Set the limits that this system knows; macOS lacks a working limit on address space."""
    sys.setrecursionlimit(2_000)
    for name, bound in (("RLIMIT_AS", MEMORY_BYTES), ("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0)):
        with suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (bound, bound))


def read_message(stream: BinaryIO) -> bytes | None:
    """Read one length-prefixed message; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack(">I", head)
    body = stream.read(size)
    return body if len(body) == size else None


def write_message(stream: BinaryIO, body: bytes) -> None:
    """Write one length-prefixed message."""
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()
