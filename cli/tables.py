"""Reports on stdout: tables for people, JSON lines for programs."""

import dataclasses
import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from batch.summary import RunSummary, SplitSummary

WIDTH_ELSEWHERE = 140  # columns where stdout is no terminal


def stdout_console() -> Console:
    """Return a console on stdout that does not squeeze tables when it is a file or a pipe."""
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_ELSEWHERE)


def print_summary(summary: RunSummary, report: Path | None) -> None:
    """Print a run's report as tables."""
    console = stdout_console()
    console.print(_split_table(summary))
    if len({point.episodes for point in summary.curve}) > 1:
        console.print(_curve_table(summary))
    if summary.worst:
        console.print("Worst failures:", style="bold")
        for row in summary.worst:
            outcome = row["outcome"]
            what = "declined" if outcome["declined"] else f"{outcome['passed']} of {outcome['total']} tests passed"
            reward = f"reward {row['reward']:.2f}"
            console.print(f"  {row['task_id']:<28} {reward}, {what:<22} ratchet show {row['episode_id'][:10]}")
    for failure in summary.failures[:5]:
        console.print(f"[red]no result[/red]  {failure['task_id']}: {failure['reason']}", soft_wrap=True)
    if summary.failures:
        console.print(
            f"{len(summary.failures)} episodes have no result (infrastructure, not counted as wrong answers). "
            "Run the same command again to retry them.",
            soft_wrap=True,
        )
    if report is not None:
        console.print(f"Report: {report}", soft_wrap=True)


def print_json(summary: RunSummary, report: Path | None) -> None:
    """Print a run's report as JSON lines: the run, then one line per split, measurement, episode and failure."""
    run = {"kind": "run", **summary.run, "report": str(report) if report else None}
    lines: list[object] = [run]
    lines += [{"kind": "split", **dataclasses.asdict(split)} for split in summary.splits]
    lines += [{"kind": "measurement", **dataclasses.asdict(point)} for point in summary.curve]
    lines += [{"kind": "episode", "phase": phase, **row} for phase, row in summary.episodes]
    lines += [{"kind": "failure", **failure} for failure in summary.failures]
    for line in lines:
        print(json.dumps(line, ensure_ascii=False))


def _split_table(summary: RunSummary) -> Table:
    table = Table(title=f"{summary.run['run_id']}: {summary.run['settings']['model']}", box=box.SIMPLE_HEAD)
    for name in ("split", "tasks"):
        table.add_column(name)
    table.add_column("pass@1")
    table.add_column("95 % interval")
    repeats = next((split.at_k[0] for split in summary.splits if split.at_k), 0)
    if repeats:
        table.add_column(f"pass@{repeats}")
    repaired = int(summary.run["settings"]["attempts"]) > 1
    if repaired:
        table.add_column("with repairs")
    names = sorted({name for split in summary.splits for name in split.components})
    for name in ("reward", *names, "tokens", "cost"):
        table.add_column(name, justify="right")
    for split in summary.splits:
        table.add_row(*_split_row(split, names, repeats=repeats, repaired=repaired))
    return table


def _split_row(split: SplitSummary, names: list[str], *, repeats: int, repaired: bool) -> list[str]:
    cells = [split.split, str(split.tasks), str(split.first), split.first.interval]
    if repeats:
        cells.append(f"{split.at_k[1]:.2f}" if split.at_k else "")
    if repaired:
        cells.append(str(split.solved))
    cells.append(f"{split.reward:.2f}")
    cells += [f"{split.components.get(name, 0.0):.2f}" for name in names]
    cost = "unknown" if split.cost_usd is None else f"${split.cost_usd:.4f}"
    return [*cells, f"{split.tokens:,}", cost]


def _curve_table(summary: RunSummary) -> Table:
    table = Table(title="Held-out tasks solved, as learning went on", box=box.SIMPLE_HEAD)
    table.add_column("after train episodes", justify="right")
    splits = sorted({point.split for point in summary.curve}, reverse=True)
    for split in splits:
        table.add_column(split)
        table.add_column("95 % interval")
    for episodes in sorted({point.episodes for point in summary.curve}):
        cells = [str(episodes)]
        for split in splits:
            found = [p for p in summary.curve if p.split == split and p.episodes == episodes]
            cells += [str(found[-1].solved), found[-1].solved.interval] if found else ["", ""]
        table.add_row(*cells)
    return table
