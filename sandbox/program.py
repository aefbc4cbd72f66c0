"""What runs beside the program, in the program's own process: it loads the program and answers calls.

Nothing here is trusted by the judge: a program can change or imitate every line of it, and gains only the
right to say what its own functions return.
"""

import contextlib
import io
import linecache
import operator
import os
import sys
import types
from collections.abc import Callable
from typing import Any

from sandbox.channel import Channel
from sandbox.coverage import start_coverage
from sandbox.peer import PROGRAM_FILE, Operation, Peer


class Foreign:
    """Stand-in, in the program, for an object of the test: it can be called and iterated over."""

    def __init__(self, peer: Peer, number: int) -> None:
        self._ratchet_reference = number
        self._peer = peer

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call it in the test."""
        return self._peer.ask("call", self, list(args), kwargs)

    def __iter__(self) -> "Foreign":
        return self

    def __next__(self) -> object:
        return self._peer.ask("next", self)


class Program:
    """The loaded program and what the judge may ask of it."""

    def __init__(self) -> None:
        self._module = types.ModuleType("solution")
        self._lines: Callable[[], list[int]] | None = None

    def operations(self) -> dict[str, Operation]:
        """Return what the judge may ask, by name."""
        return {
            "load": self.load,
            "call": self.call,
            "covered": lambda: self._lines() if self._lines else [],
            "name": lambda name: self._named(name),
            "getattr": getattr,
            "setattr": setattr,
            "getitem": operator.getitem,
            "setitem": operator.setitem,
            "len": len,
            "iter": iter,
            "next": next,
            "str": str,
            "repr": repr,
            "true": operator.truth,
            "equal": operator.eq,
        }

    def load(self, source: str, coverage: bool) -> None:
        """Execute the program's text as the module `solution`."""
        _show_in_tracebacks(source)
        code = compile(source, PROGRAM_FILE, "exec", dont_inherit=True)
        if coverage:
            self._lines = start_coverage()
        sys.modules["solution"] = self._module
        try:
            exec(code, self._module.__dict__)
        finally:
            _flush()

    def call(self, target: object, args: list[object], kwargs: dict[str, object]) -> object:
        """Call a function of the program by name, or an object handed out earlier."""
        function: Any = self._named(target) if type(target) is str else target
        try:
            return function(*args, **kwargs)
        finally:
            _flush()

    def _named(self, name: str) -> object:
        if name not in self._module.__dict__:
            raise NameError(f"the program defines no {name!r}")
        return self._module.__dict__[name]


def program_peer(channel: Channel) -> Peer:
    """Return the program's side of the conversation, for a program that is yet to come."""
    return Peer(channel, Program().operations(), lambda peer, body: Foreign(peer, body[1]), trusting=True)


def run_script(source: str) -> int:
    """Run the program as a script, as `python program.py` would, and return its exit status."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.argv = ["program.py"]
    _show_in_tracebacks(source)
    try:
        exec(compile(source, PROGRAM_FILE, "exec", dont_inherit=True), main.__dict__)
        status = 0
    except SystemExit as error:
        status = _exit_status(error.code)
    except BaseException as error:  # noqa: BLE001 - a script may end with any exception
        trace = error.__traceback__
        sys.excepthook(type(error), error, trace.tb_next if trace else None)
        status = 1
    return status


def finish_script() -> None:
    """Do what the interpreter does at its end: join threads, run exit handlers, flush."""
    import atexit

    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    _flush()


def open_standard_streams() -> None:
    """Put new text streams over descriptors 0 to 2, whatever lies behind them later."""
    streams: dict[str, io.TextIOBase] = {
        "stdin": io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8", errors="replace")
    }
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
        streams[name] = io.TextIOWrapper(
            raw, encoding="utf-8", errors="backslashreplace", line_buffering=descriptor == 2
        )
    for name, stream in streams.items():
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    os.write(2, f"{code}\n".encode(errors="backslashreplace"))
    return 1


def _show_in_tracebacks(source: str) -> None:
    linecache.cache[PROGRAM_FILE] = (len(source), None, source.splitlines(keepends=True), PROGRAM_FILE)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the program may have put anything there
            stream.flush()
