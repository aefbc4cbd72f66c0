"""`ratchet propose`."""

import json
import sys
from pathlib import Path
from statistics import fmean

from rich import box
from rich.table import Table

from batch.proposals import ProposedTasks, Wanted, known_tasks_of, plan_series, propose_tasks, written
from cli.tables import counted, home_option, stdout_console
from runtime.build import open_services
from runtime.settings import Settings
from telemetry.events import Event

PROPOSALS_PER_TASK = 20  # at most, unless told otherwise


def propose(wanted: Wanted, settings: Settings, known: list[str], *, out: Path | None, as_json: bool) -> int:
    """Propose tasks, write them to a task file and report; return the exit code: 1 when there are fewer than wanted.

    Raises SetupError for what the user can fix, TransientError when the model stays down.
    """
    services = open_services(settings)
    try:
        series = plan_series(wanted, known_tasks_of(known), services)
        print(
            f"{series['series']}: {counted(wanted.count, 'task')} from {settings.model}, seed {settings.seed}",
            file=sys.stderr,
        )
        result = propose_tasks(series, services, _tell)
    finally:
        services.close()
    file = written(result.lines, out) if out is not None else result.file
    if as_json:
        named = {"series": result.series, "file": str(file) if file else None}
        print(json.dumps({**named, **result.progress}, ensure_ascii=False))
    else:
        _print(result, wanted, file, home_option(settings.home))
    return 0 if len(result.lines) == wanted.count else 1


def _tell(event: Event) -> None:
    if event["kind"] == "proposed":
        counts = json.loads(event["detail"])
        line = f"{counts['admitted']} of {counted(event['total'], 'task')}, {counts['proposed']} proposed"
        print(line, file=sys.stderr)


def _print(result: ProposedTasks, wanted: Wanted, file: Path | None, home: str) -> None:
    console = stdout_console()
    progress = result.progress
    table = Table(title=f"{result.series}: {counted(progress['proposed'], 'proposal')}", box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("tasks", justify="right")
    table.add_row("admitted", str(progress["admitted"]))
    for reason, count in sorted(progress["refused"].items(), key=lambda pair: (-pair[1], pair[0])):
        table.add_row(f"refused: {reason}", str(count))
    console.print(table)
    rates = [1 - float(tag.split()[1]) for line in result.lines for tag in line["tags"] if tag.startswith("learn")]
    if rates:
        console.print(f"Mean pass rate of the admitted ones: {fmean(rates):.2f} ({wanted.tries} tries each)")
    if len(result.lines) < wanted.count:
        console.print("Fewer than asked for: allow more proposals with --most, or try another --seed.")
    if file is None:
        console.print("Tasks: kept in the encrypted home. The same command with --out FILE writes them to a file.")
        return
    console.print(f"Tasks: {file}", soft_wrap=True)
    console.print(f"Learn from them: ratchet run {file}{home}", soft_wrap=True)
