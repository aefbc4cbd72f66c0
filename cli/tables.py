"""Reports on stdout: tables for people, JSON lines for programs."""

import dataclasses
import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from batch.model_use import ModelUse, sentences
from batch.summary import RunSummary, SplitSummary, controls_of
from state.ledger import FinishedEpisode

CARE_WORDS = {
    "credited": "rewards passed on to the memories that were shown",
    "retired": "retired: rewards fell where they were shown",
    "thinned": "hidden as doubles of a better one",
    "decayed": "decayed: not used for long",
    "restored": "restored by a use",
    "archived": "archived",
    "consolidated": "consolidated into summaries",
    "summaries": "summaries written",
    "formed": "groups formed",
    "merged": "groups merged",
    "split": "groups split",
    "groups": "groups in the end",
    "stability": "stability of the groups, 0 to 1",
}
WIDTH_ELSEWHERE = 110  # columns where stdout is no terminal


def stdout_console() -> Console:
    """Return a console on stdout that does not squeeze tables when it is a file or a pipe."""
    console = Console(highlight=False, markup=False)  # task ids and messages may hold [brackets]
    return console if console.is_terminal else Console(highlight=False, markup=False, width=WIDTH_ELSEWHERE)


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: "1 task", "2 tasks", "3 memories"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def home_option(home: Path) -> str:
    """Return what a command needs to find this home: nothing where it is the one that is looked for anyway."""
    return "" if home == Path(os.environ.get("RATCHET_HOME", ".ratchet")) else f" --home {shlex.quote(str(home))}"


def print_summary(summary: RunSummary, report: Path | None, home: Path) -> None:
    """Print a run's report as tables."""
    console = stdout_console()
    console.print(_result_table(summary))
    console.print(_detail_table(summary))
    if not all(map(_goes_without_saying, summary.model_use)):
        console.print(_use_table(summary.model_use))
    if len({point.episodes for point in summary.curve}) > 1:
        console.print(_curve_table(summary))
    if summary.care:
        console.print(_care_table(summary))
    if not any(row["split"] == "train" for _, row in summary.episodes):
        console.print("No train tasks among these: nothing was learned.", style="yellow")
    _print_worst(console, summary, home)
    if summary.reused:
        console.print(f"{summary.reused} results were in the ledger already: tokens, cost and times leave them out.")
    for line in sentences(summary.model_use):
        console.print(line, soft_wrap=True)
    _print_lineage(console, summary, home)
    _print_failures(console, summary, home)
    _print_lost_traces(console, summary, home)
    if report is not None:
        console.print(f"Report: {report}", soft_wrap=True)


def _goes_without_saying(use: ModelUse) -> bool:
    """Tell whether a model did what one without a price always does: answer, at the first try, for nothing."""
    return use.role == "generate" and use.cost_usd == 0 and not use.failed_tries


def _print_lost_traces(console: Console, summary: RunSummary, home: Path) -> None:
    arrived, lost = summary.traces
    if lost:
        console.print(
            f"LangSmith got {arrived} of {arrived + lost} traces; {lost} were lost on the way. All are kept here: "
            f"ratchet trace EPISODE{home_option(home)} shows one, "
            f"ratchet trace {summary.run['run_id']} --send{home_option(home)} sends what is missing.",
            soft_wrap=True,
        )


def _print_lineage(console: Console, summary: RunSummary, home: Path) -> None:
    run_id, above = summary.run["run_id"], summary.run["settings"].get("forked_from", "")
    if above:
        parent = above.partition(" ")[0]
        command = f"ratchet compare {parent} {run_id}{home_option(home)}"
        console.print(f"Forked from {above}. Side by side: {command}", soft_wrap=True)
    if summary.forks:
        console.print(f"Forks: {', '.join(summary.forks)}", soft_wrap=True)


def _print_worst(console: Console, summary: RunSummary, home: Path) -> None:
    if not summary.worst:
        return
    console.print("Worst failures:", style="bold")
    widest = max(len(row["task_id"]) for row in summary.worst)
    for row in summary.worst:
        command = f"ratchet show {row['episode_id'][:10]}{home_option(home)}"
        line = f"  {row['task_id']:<{widest}}  reward {row['reward']:.2f}, {_ending(row):<22}  {command}"
        console.print(line, soft_wrap=True)


def _print_failures(console: Console, summary: RunSummary, home: Path) -> None:
    for failure in summary.failures[:5]:
        console.print("no result", style="red", end="  ")
        command = f"ratchet show {failure['episode_id'][:10]}{home_option(home)}"
        console.print(f"{failure['task_id']}: {failure['reason']}  {command}", soft_wrap=True)
    if not summary.failures:
        return
    hopeless = sum(not failure["passing"] for failure in summary.failures)
    advice = "Run the same command again to retry them."
    if hopeless == len(summary.failures):
        advice = "They will not succeed as they are: the reasons say what to change."
    elif hopeless:
        advice = f"Run the same command again to retry them; {hopeless} will not succeed as they are."
    console.print(
        f"{counted(len(summary.failures), 'episode')} without a result "
        f"(infrastructure, not counted as wrong answers). {advice}",
        soft_wrap=True,
    )


def print_json(summary: RunSummary, report: Path | None) -> None:
    """Print a run's report as JSON lines: the run, then one line per split, measurement, episode and failure."""
    run = {"kind": "run", **summary.run, "report": str(report) if report else None}
    arrived, lost = summary.traces
    kinds: list[tuple[str, list[Mapping[str, object]]]] = [
        ("split", [*map(dataclasses.asdict, summary.splits)]),
        ("measurement", [*map(dataclasses.asdict, summary.curve)]),
        ("care", [{"batch": batch, **counts} for batch, counts in summary.care]),
        ("episode", [{"phase": phase, **row} for phase, row in summary.episodes]),
        ("model_use", [*map(dataclasses.asdict, summary.model_use)]),
        ("traces", [{"arrived": arrived, "lost": lost}] if arrived or lost else []),
        ("failure", [*summary.failures]),
    ]
    lines = [run, *({"kind": kind, **fields} for kind, some in kinds for fields in some)]
    for line in lines:
        print(json.dumps(line, ensure_ascii=False))


def _ending(row: FinishedEpisode) -> str:
    outcome = row["outcome"]
    return "declined" if outcome["declined"] else f"{outcome['passed']} of {outcome['total']} tests passed"


def _result_table(summary: RunSummary) -> Table:
    run = summary.run
    ending = f"{run['status']}, {run['active_s']:.0f} s of work" if run["ended_at"] else run["status"]
    said = ", ".join([run["settings"]["model"], *controls_of(run["settings"]), ending])
    table = Table(title=f"{run['run_id']}: {said}", box=box.SIMPLE_HEAD)
    repeats = max((split.at_k[0] for split in summary.splits if split.at_k), default=0)
    repaired = int(summary.run["settings"]["attempts"]) > 1
    columns: list[tuple[str, Callable[[SplitSummary], str], bool]] = [
        ("split", lambda split: split.split, True),
        ("tasks", lambda split: str(split.tasks), True),
        ("pass@1", lambda split: str(split.first), True),
        ("95 % interval", lambda split: split.first.interval, True),
        (f"pass@{repeats}", lambda split: _at_k(split, repeats), repeats > 0),
        ("with repairs", lambda split: str(split.solved), repaired),
        ("mean reward", lambda split: f"{split.reward:.2f}", True),
    ]
    shown = [(name, cell) for name, cell, is_shown in columns if is_shown]
    for name, _ in shown:
        table.add_column(name, no_wrap=True)
    for split in summary.splits:
        table.add_row(*[cell(split) for _, cell in shown])
    return table


def _at_k(split: SplitSummary, k: int) -> str:
    """Return pass@k; nothing where some of the split's tasks have fewer results."""
    return f"{split.at_k[1]:.2f}" if split.at_k and split.at_k[0] == k else ""


def _detail_table(summary: RunSummary) -> Table:
    table = Table(title="Mean reward components, and what the whole run took", box=box.SIMPLE_HEAD)
    table.add_column("")
    for split in summary.splits:
        table.add_column(split.split, justify="right", no_wrap=True)
    for name in sorted({name for split in summary.splits for name in split.components}):
        table.add_row(name, *[f"{split.components.get(name, 0.0):.2f}" for split in summary.splits])
    table.add_section()
    table.add_row("tokens", *[f"{split.tokens:,}" for split in summary.splits])
    table.add_row("cost", *[_money(split.cost_usd) for split in summary.splits])
    table.add_row("model time", *[f"{split.model_s:.1f} s" for split in summary.splits])
    table.add_row("sandbox CPU time", *[f"{split.sandbox_s:.1f} s" for split in summary.splits])
    return table


def _use_table(uses: Sequence[ModelUse]) -> Table:
    table = Table(title="Model calls, failed tries included", box=box.SIMPLE_HEAD)
    for name in ("role", "model"):
        table.add_column(name)
    for name in ("answers", "failed tries", "kept answers used", "tokens in", "tokens out", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for use in uses:
        figures = (use.calls, use.failed_tries, use.from_cache, use.prompt_tokens, use.completion_tokens)
        table.add_row(use.role, use.model, *[f"{figure:,}" for figure in figures], _money(use.cost_usd))
    return table


def _money(cost_usd: float | None) -> str:
    return "unknown" if cost_usd is None else f"${cost_usd:.4f}"


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


def _care_table(summary: RunSummary) -> Table:
    rounds = len(summary.care)
    table = Table(title=f"Memory care, {rounds} round{'s' * (rounds != 1)}", box=box.SIMPLE_HEAD, show_header=False)
    for name, value in summary.care_in_all().items():
        shown = f"{value:.2f}" if name == "stability" else f"{value:.0f}"
        if shown != "0":
            table.add_row(CARE_WORDS[name], shown)
    return table
