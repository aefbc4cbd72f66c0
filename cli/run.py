"""`ratchet run`."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from batch.html_report import REPORT_FILE, write_report
from batch.loop import LearningRun, Run, plan_run
from batch.progress import ProgressTracker
from batch.summary import summarise
from cli.live import watching
from cli.tables import home_option, print_json, print_summary
from runtime.build import Services, open_services
from runtime.settings import Settings
from state.errors import BudgetError, StoppedError
from state.redaction import redacted
from storage.engine import Home
from tasks.load import LoadedTasks

OUR_LOGGERS = frozenset({"batch", "checkpoints", "memory", "telemetry"})  # whose messages are constants


class Stoppable(Protocol):
    """Something that ends soon when it is asked to."""

    def stop(self) -> None:
        """Ask it to end."""
        ...


def run_tasks(name: str, settings: Settings, loaded: LoadedTasks, *, as_json: bool) -> int:
    """Run a task file to its end and print the report; return the exit code.

    Raises SetupError for what the user can fix, StoppedError after Ctrl-C, TransientError when the model stays down.
    """
    services = open_services(settings)
    try:
        return drive_run(plan_run(settings, loaded.tasks, name, services), services, as_json=as_json)
    finally:
        services.close()


def drive_run(plan: Run, services: Services, *, as_json: bool, begin: Callable[[], None] = lambda: None) -> int:
    """Drive a run to its end and print the report; return the exit code. Raises what `run_tasks` raises.

    begin: what is done first, once the run is ours alone.
    """
    settings, tracker = services.settings, ProgressTracker()
    learning = LearningRun(plan, services, tracker)
    try:
        log_to(learning.folder / "run.log", services.home)
        begin()
        if learning.is_finished():
            print(f"{plan.run_id} has finished already; this is its report", file=sys.stderr)
        else:
            with stopping(learning), watching(tracker, plan.run_id, len(plan.tasks), settings):
                learning.drive()
    except BudgetError:
        raise
    except StoppedError as error:
        raise StoppedError(
            f"stopped: {tracker.counts.finished} episodes of {plan.run_id} are saved. "
            f"Run the same command again to continue"
        ) from error
    finally:
        learning.close()
    summary = summarise(services.ledger, plan.run_id)
    report = learning.folder / REPORT_FILE if services.home.seal is None else None
    if as_json:
        print_json(summary, report)
    else:
        print_summary(summary, report, settings.home)
    if report is not None:
        write_report(summary, report, home_option(settings.home))  # last: a full disk must not cost the tables
    return 1 if summary.failures else 0


class _Redacting(logging.Formatter):
    """Masks secrets of the environment, in tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line that is written."""
        return redacted(super().format(record))


class _Wordless(logging.Formatter):
    """Leaves out everything that may quote somebody: fields, messages of errors, and others' messages."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line that is written: our messages are constants."""
        ours = record.name.partition(".")[0] in OUR_LOGGERS
        raised = f": {record.exc_info[0].__name__}" if record.exc_info and record.exc_info[0] else ""
        return f"{self.formatTime(record)} {record.levelname} {record.name} {record.msg if ours else ''}{raised}"


def log_to(path: Path, home: Home) -> None:
    """Send our log to the run's folder: the terminal is for progress and results."""
    handler = logging.FileHandler(path, encoding="utf-8")
    whole = _Redacting("%(asctime)s %(levelname)s %(name)s %(message)s")
    handler.setFormatter(whole if home.seal is None else _Wordless())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


@contextmanager
def stopping(learning: Stoppable) -> Iterator[None]:
    """On Ctrl-C or SIGTERM let running nodes end; on a second Ctrl-C leave at once: everything finished is saved."""
    asked = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(130)
        asked = True
        print("\nstopping: waiting for running steps to end (Ctrl-C again to leave at once)", file=sys.stderr)
        learning.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
