"""`ratchet runs` and `ratchet show`: what a home holds, told from the ledger and the checkpoints."""

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from batch.lease import is_worked_on
from batch.summary import summarise
from checkpoints.ledger import Ledger
from cli.tables import print_json, print_summary, stdout_console
from runtime.homes import known_home_of
from runtime.settings import load_settings
from storage.engine import Home

if TYPE_CHECKING:
    from checkpoints.story import AttemptStory
    from state.review import Opinion, Review
    from state.verdict import Verdict
    from workbench.story import Story


def list_runs(home: Path | None, *, as_json: bool) -> None:
    """Print the runs of a home, the newest first."""
    with opened_home(home) as opened:
        rows = Ledger(opened).runs()
        for row in rows:
            if row["status"] == "running" and not is_worked_on(opened.folder / "runs" / row["run_id"], opened):
                row["status"] = "killed"  # nobody lived to write it down
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    console = stdout_console()
    if not rows:
        console.print(f"no runs in {opened.name} yet: start one with `ratchet run katas`")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("run", "status", "tasks", "file", "model", "seed", "started", "took"):
        table.add_column(name, no_wrap=name not in ("file", "model"))
    for row in rows:
        settings = row["settings"]
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["started_at"]))
        took = f"{row['active_s']:.0f} s" if row["ended_at"] else ""
        cells = [row["run_id"], row["status"], settings["n_tasks"], settings["task_file"], settings["model"]]
        table.add_row(*map(str, cells), str(settings["seed"]), started, took)
    console.print(table)


def show_one(name: str, home: Path | None, *, as_json: bool) -> None:
    """Print a run's report or an episode's story; raises SetupError when the home has neither of that name."""
    with opened_home(home) as opened:
        ledger = Ledger(opened)
        run = ledger.run(name) if name.startswith("run-") else None
        if run is not None:
            report = opened.folder / "runs" / run["run_id"] / "report.html"
            summary, written = summarise(ledger, run["run_id"]), report if report.exists() else None
            return print_json(summary, written) if as_json else print_summary(summary, written, opened.folder)
        if name.startswith("opt-"):
            return _show_optimisation(name, opened, as_json=as_json)
    from workbench.bench import Workbench  # LangGraph takes seconds to import
    from workbench.story import story

    with Workbench(home) as bench:
        told = story(bench, name)
    return _print_story_json(told) if as_json else print_story(told)


def _show_optimisation(name: str, opened: Home, *, as_json: bool) -> None:
    from batch.optimisation_summary import summarise_optimisation
    from checkpoints.optimisations import OptimisationLog
    from cli.optimise import print_optimisation, print_optimisation_json
    from prompts.registry import PromptRegistry

    summary = summarise_optimisation(Ledger(opened), OptimisationLog(opened), PromptRegistry(opened), name)
    report = opened.folder / "runs" / summary.run["run_id"] / "report.html"
    if as_json:
        print_optimisation_json(summary)
    else:
        print_optimisation(summary, report if report.exists() else None)


@contextmanager
def opened_home(home: Path | None) -> Iterator[Home]:
    """Open a home that something was kept in before; raises SetupError where there is none."""
    opened = known_home_of(load_settings(home=home))
    try:
        yield opened
    finally:
        opened.close()


def _print_story_json(told: "Story") -> None:
    line = {"episode": told.row, **dataclasses.asdict(told.story), "ancestors": told.ancestors, "forks": told.forks}
    print(json.dumps(line, ensure_ascii=False))


def print_story(told: "Story") -> None:
    """Print an episode's story for people."""
    console, story = stdout_console(), told.story
    episode = story.state["episode"]
    console.print(f"Episode {told.thread_id}: {told.result}", style="bold")
    console.print(
        f"task {episode['task_id']} ({episode['split']}, repeat {episode['repeat'] + 1}), model {episode['model']}, "
        f"prompt set {episode['prompt_set'][:10]}, run {episode['run_id']}"
    )
    for line in told.lineage():
        console.print(line, soft_wrap=True)
    steps = ", ".join(f"{stage.node} {stage.seconds * 1000:.0f} ms" for stage in story.stages)
    console.print(f"stages: {steps}\n", style="dim")
    for attempt in story.attempts:
        _print_attempt(console, attempt)
    _print_ending(console, told)


def _print_ending(console: Console, told: "Story") -> None:
    story = told.story
    if "review" in story.state:
        _print_review(console, story.state["review"])
    if "reward" in story.state:
        reward = story.state["reward"]
        parts = ", ".join(f"{name} {value:.2f}" for name, value in reward["components"].items())
        console.print(f"reward {reward['total']:.2f} ({parts})", style="bold")
    remembered = story.state.get("remembered", [])
    if remembered and (not told.ancestors or told.ancestors[0]["teaches"]):  # a fork writes down nothing, unless asked
        console.print(f"remembered: {', '.join(memory_id[:12] for memory_id in remembered)}")
    if told.row is None:
        console.print("This episode has not finished: it has no result yet.", style="yellow")


def _print_review(console: Console, review: "Review") -> None:
    for finding in review["findings"]:
        console.print(f"review: line {finding['line']}: {finding['rule']}, {finding['detail']}")
    if "opinion" in review:
        _print_opinion(console, review["opinion"])
    if review["overfit"]:
        console.print("review: fits every visible example, and still fails a hidden test")


def _print_opinion(console: Console, opinion: "Opinion") -> None:
    agreement = "" if opinion["agreement"] is None else f", agreement with other programs {opinion['agreement']:.2f}"
    console.print(f"reviewer: {opinion['score']:.2f} likely right{agreement}. {opinion['critique']}", markup=False)
    for finding in opinion["findings"]:
        where = f"line {finding['line']}: " if finding["line"] else ""
        console.print(f"reviewer: {where}{finding['rule']}, {finding['detail']}", markup=False)


def _print_attempt(console: Console, story: "AttemptStory") -> None:
    number = story.attempt["index"] + 1
    if number == 1:
        console.rule("What the model was asked", align="left")
        console.print(story.messages[-1]["content"])
    console.rule(f"Attempt {number}", align="left")
    if not story.code:
        console.print("the model declined: " + story.answer.strip()[:500])
        return
    console.print(Syntax(story.code.rstrip(), "python", background_color="default"))
    console.print()
    for verdict in story.verdicts:
        _print_test(console, verdict)
    for name, text in (("stdout", story.stdout), ("stderr", story.stderr)):
        if text:
            console.print(f"{name}: {text.rstrip()}")
    if story.feedback:
        console.print(f"\ntold to the model:\n{story.feedback}\n")


def _print_test(console: Console, verdict: "Verdict") -> None:
    from workbench.story import detail_of

    passed = verdict["status"] == "passed"
    seen = "visible" if verdict["visible"] else "hidden "
    console.print(f"{verdict['status']:<8}", style="green" if passed else "red", end=f" {seen} ")
    console.print(verdict["name"] if passed else f"{verdict['name']}  {detail_of(verdict)}", soft_wrap=True)
    for frame in [] if passed else verdict["traceback"]:
        console.print(f"           {frame}")
