"""What a run looks like while it goes on: a live panel on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batch.progress import ProgressTracker
from cli.tables import counted
from runtime.settings import Settings

REFRESH_PER_S = 4
PLAIN_EVERY_S = 5.0
SHOWN_WORKERS = 8


@contextmanager
def watching(tracker: ProgressTracker, run_id: str, tasks: int, settings: Settings) -> Iterator[None]:
    """Show a run's progress on stderr until the block ends."""
    console = Console(stderr=True, highlight=False, markup=False)  # task ids may hold [brackets]
    size, tries = counted(tasks, "task"), counted(settings.attempts, "attempt")
    title = f"{run_id}: {size}, {settings.model}, {tries}, seed {settings.seed}"
    if console.is_terminal:
        console.print(Text(title, style="bold"))
        view = _View(tracker)
        with Live(get_renderable=view.render, console=console, refresh_per_second=REFRESH_PER_S, transient=True):
            yield
        for notice in tracker.counts.notices:
            console.print(Text(f"note: {notice}", style="yellow"))
        console.print(Text(_line(tracker)))
    else:
        with _plain_lines(tracker, title):
            yield


class _View:
    """Draws the tracker's counts."""

    def __init__(self, tracker: ProgressTracker) -> None:
        self._tracker = tracker

    def render(self) -> RenderableType:
        """Return the panel as it is now."""
        counts = self._tracker.counts
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(_phase_name(counts.phase), style="bold cyan"),
            ProgressBar(total=max(1, counts.phase_total), completed=counts.phase_done, width=32),
            Text(f"{counts.phase_done}/{counts.phase_total}"),
            Text(f"ETA {_duration(self._tracker.eta_s())}", style="dim"),
        )
        measured = [Text(f"  {line}", style="green") for line in counts.measured[-6:]]
        optimised = [Text(f"  {line[:200]}", style="cyan") for line in counts.optimised[-6:]]
        notices = [Text(f"  note: {line}", style="yellow") for line in counts.notices]
        standing = [Text(counts.standing, style="bold")] if counts.standing else []
        return Group(head, Text(_figures(self._tracker)), *standing, *measured, *optimised, *notices, self._workers())

    def _workers(self) -> Table:
        table = Table.grid(padding=(0, 2))
        working = sorted(self._tracker.counts.workers.copy().items())
        for name, doing in working[:SHOWN_WORKERS]:
            seconds = max(0.0, self._tracker.now() - doing.since)
            number = name.rpartition("_")[2]
            table.add_row(Text(f"  worker {number}", style="dim"), doing.node, doing.task_id, f"{seconds:.1f} s")
        if len(working) > SHOWN_WORKERS:
            table.add_row(Text(f"  and {len(working) - SHOWN_WORKERS} more", style="dim"), "", "", "")
        return table


@contextmanager
def _plain_lines(tracker: ProgressTracker, title: str) -> Iterator[None]:
    """Print a line now and then, from a thread of its own."""
    print(title, file=sys.stderr, flush=True)
    done = threading.Event()

    told = 0

    def tell() -> None:
        nonlocal told
        for notice in tracker.counts.notices[told:]:
            print(f"note: {notice}", file=sys.stderr, flush=True)
            told += 1

    def report() -> None:
        while not done.wait(PLAIN_EVERY_S):
            tell()
            print(_line(tracker), file=sys.stderr, flush=True)

    reporter = threading.Thread(target=report, name="progress", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()
        tell()
        print(_line(tracker), file=sys.stderr, flush=True)


def _line(tracker: ProgressTracker) -> str:
    counts = tracker.counts
    clock = time.strftime("%H:%M:%S")
    where = f"{_phase_name(counts.phase)} {counts.phase_done}/{counts.phase_total}"
    eta = tracker.eta_s()
    left = f", ETA {_duration(eta)}" if eta is not None else ""
    standing = f"; {counts.standing}" if counts.standing else ""
    return f"{clock} {where}{left}{standing}; this time {_figures(tracker)}"


def _figures(tracker: ProgressTracker) -> str:
    counts = tracker.counts
    cost = f"${counts.cost_usd:.4f}" if counts.cost_known else "cost unknown"
    figures = [
        f"solved {counts.solved} of {counts.finished}",
        f"mean reward {counts.mean_reward:.2f}",
        f"{counts.tokens:,} tokens",
        cost,
        counted(counts.failed, "infrastructure error"),
    ]
    if counts.reused:
        figures.insert(1, f"{counts.reused} from the ledger")
    if counts.last_failure:
        figures.append(f"last: {counts.last_failure[:100]}")
    return ", ".join(figures)


def _phase_name(phase: str) -> str:
    kind, _, number = phase.partition(":")
    if not number:
        return "starting"
    if kind == "train":
        return f"train batch {int(number) + 1}"
    if kind == "held_out":
        return f"held-out tasks after {int(number)} batches"
    return f"first candidate: {number}" if kind == "begin" else f"iteration {kind}: {number.replace(':', ' ')}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
