"""`ratchet replay`, `ratchet fork` and `ratchet compare`."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from checkpoints.replay import ThreadReplay
from cli.run import drive_run
from cli.tables import home_option, stdout_console
from state.json_values import JsonObject
from workbench.bench import Workbench
from workbench.compare import EpisodeComparison, RunComparison, compare
from workbench.fork import Changes, fork
from workbench.fork_run import RunFork
from workbench.replay import Replay, replay

SHOWN = 30  # differences on the terminal; all of them with --json


def replay_one(name: str, home: Path | None, *, as_json: bool) -> int:
    """Replay an episode or a run and print what differs; return 0 when nothing does, 1 otherwise."""
    done = 0

    def told(_thread: ThreadReplay) -> None:
        nonlocal done
        done += 1
        if done % 100 == 0:
            print(f"{done} threads replayed", file=sys.stderr)

    with Workbench(home) as bench:
        found = replay(bench, name, told)
    if as_json:
        _print_replay_json(found)
    else:
        _print_replay(found)
    return 0 if found.is_same else 1


def fork_learning(name: str, home: Path | None, changes: Changes, *, at_batch: int | None, as_json: bool) -> int:
    """Fork a learning run, run the fork to its end and print its report; return the exit code."""
    with Workbench(home) as bench, RunFork(bench, name, changes, at_batch=at_batch) as planned:
        return drive_run(planned.run, planned.services, begin=planned.begin, as_json=as_json)


def fork_one(name: str, home: Path | None, changes: Changes, *, at: str | None, teach: bool, as_json: bool) -> None:
    """Fork an episode, run the fork to its end and print it beside its original."""
    with Workbench(home) as bench:
        fork_id = fork(bench, name, changes, at=at, teach=teach)
        found = compare(bench, bench.thread_of(name), fork_id)
        folder = bench.folder
    _print_comparison(found, as_json=as_json)
    if not as_json:
        print(f"Story: ratchet show {fork_id}{home_option(folder)}")


def compare_two(first: str, second: str, home: Path | None, *, as_json: bool) -> None:
    """Print two episodes or two runs side by side."""
    with Workbench(home) as bench:
        found = compare(bench, first, second)
    _print_comparison(found, as_json=as_json)


def _print_replay(found: Replay) -> None:
    console = stdout_console()
    console.print(found.summary(), style="bold green" if found.is_same else "bold red", soft_wrap=True)
    lines = list(found.lines())
    for thread, node, what in lines[:SHOWN]:
        console.print(f"{thread[:15]} {node}: {what}", soft_wrap=True)
    if len(lines) > SHOWN:
        console.print(f"… and {len(lines) - SHOWN} more differences: --json prints all")
    for reason in found.not_replayed[:SHOWN]:
        console.print(f"not replayed: {reason}", soft_wrap=True)


def _print_replay_json(found: Replay) -> None:
    for thread in found.threads:
        for step in thread.steps:
            line = {
                "thread": thread.thread_id,
                "node": step.node,
                "checkpoint": step.checkpoint_id,
                "same": step.is_same,
            }
            changes = [{"path": d.path, "recorded": d.recorded, "replayed": d.replayed} for d in step.differences]
            print(json.dumps({**line, "raised": step.raised, "differences": changes}, ensure_ascii=False, default=str))
    for reason in found.not_replayed:
        print(json.dumps({"not_replayed": reason}, ensure_ascii=False))


def _print_comparison(found: EpisodeComparison | RunComparison, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(comparison_as_json(found), ensure_ascii=False))
    elif isinstance(found, EpisodeComparison):
        _print_episodes(stdout_console(), found)
    else:
        _print_runs(stdout_console(), found)


def comparison_as_json(found: EpisodeComparison | RunComparison) -> JsonObject:
    """Return a comparison as JSON values."""
    if isinstance(found, EpisodeComparison):
        sides = {"first": found.first.thread_id, "second": found.second.thread_id}
        tables = {name: [vars(row) for row in getattr(found, name)] for name in ("rows", "nodes", "verdicts")}
        return {**sides, **tables, "code_diff": found.code_diff}
    tables = {name: [vars(row) for row in getattr(found, name)] for name in ("costs", "changed", "settings")}
    splits = [{"split": name, **vars(result)} for name, result in found.splits]
    rewards = [{"split": name, "first": one, "second": two} for name, one, two in found.rewards]
    return {"first": found.first, "second": found.second, "splits": splits, "rewards": rewards, **tables}


def _print_episodes(console: Console, found: EpisodeComparison) -> None:
    names = found.first.thread_id[:15], found.second.thread_id[:15]
    for title, rows in (("", found.rows), ("node", found.nodes), ("test", found.verdicts)):
        if not rows:
            continue
        table = Table(title, *names, box=None, pad_edge=False)
        for row in rows:
            table.add_row(row.label, row.first, row.second, style="bold" if row.differs and row.first else "")
        console.print(table)
        console.print()
    if found.code_diff:
        console.print(Syntax("\n".join(found.code_diff), "diff", background_color="default"))
    else:
        console.print("the latest programs are the same")


def _print_runs(console: Console, found: RunComparison) -> None:
    # the runs' names are in the title: as heads of columns they made the table wider than most terminals
    console.print(f"pass@1: {found.second} (second) minus {found.first} (first)", style="bold", soft_wrap=True)
    heads = ("split", "tasks", "both", "first only", "second only", "neither", "difference", "p")
    table = Table(*heads, box=None, pad_edge=False)
    for split, p in found.splits:
        counts = (p.n, p.both, p.only_first, p.only_second, p.neither)
        table.add_row(split, *map(str, counts), Text(p.interval, no_wrap=True), p.chance)
    console.print(table)
    unsure = [split for split, p in found.splits if not p.is_significant]
    if unsure:
        console.print(f"Not significant at 5 %: {', '.join(unsure)}.")
    console.print()
    sides = Table("", found.first, found.second, box=None, pad_edge=False)
    for name, one, two in found.rewards:
        sides.add_row(f"mean reward, {name}", f"{one:.3f}", f"{two:.3f}")
    for row in [*found.costs, *found.settings, *found.changed]:
        sides.add_row(row.label, row.first, row.second)
    console.print(sides)
