"""`ratchet prompts`: the versions of the prompts, their differences, and which one is in use."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.options import HomeOption, JsonOption

if TYPE_CHECKING:
    from rich.console import Console

    from prompts.registry import PromptRegistry
    from state.prompt_set import PromptVersion

app = typer.Typer(help="Versions of the prompts, and which one is in use.", no_args_is_help=True, rich_markup_mode=None)

Form = Literal["markdown", "gepa"]
NAME = "The beginning of an id, or: current, shipped."
NameArgument = Annotated[str, typer.Argument(help=NAME)]


@app.command("list")
def list_versions(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List every version, the newest first; the one in use is marked."""
    from rich.table import Table

    with _registry(home) as registry:
        current = registry.chosen(time.time())
        versions = registry.versions()
    console = _console()
    if as_json:
        for version in versions:
            print(json.dumps({**version, "in_use": version["prompt_set"] == current}, ensure_ascii=False))
        return
    table = Table("", "prompt set", "author", "parents", "date", "evidence", box=None, pad_edge=False)
    for version in versions:
        parents = ", ".join(parent[:10] for parent in version["parents"])
        date = time.strftime("%Y-%m-%d %H:%M", time.localtime(version["created_at"]))
        mark = "*" if version["prompt_set"] == current else ""
        table.add_row(mark, version["prompt_set"][:10], version["author"], parents, date, _evidence(version))
    console.print(table)


@app.command()
def show(name: NameArgument = "current", home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a version's origin, evidence and components."""
    with _registry(home) as registry:
        version = registry.find(name, time.time())
    if as_json:
        print(json.dumps(version, ensure_ascii=False))
        return
    console = _console()
    console.print(f"Prompt set {version['prompt_set']}", style="bold")
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(version["created_at"]))
    parents = ", ".join(version["parents"]) or "none"
    console.print(f"author {version['author']}, {date}, parents: {parents}", soft_wrap=True)
    for key, value in version["evidence"].items():
        console.print(f"{key}: {value}", soft_wrap=True)
    for component, text in version["components"].items():
        console.rule(component, align="left")
        console.print(text or "(empty)", soft_wrap=True)


@app.command()
def diff(
    before: NameArgument, after: Annotated[str, typer.Argument(help=NAME)] = "current", home: HomeOption = None
) -> None:
    """Show what changed between two versions."""
    from prompts.difference import differences

    with _registry(home) as registry:
        first, second = (registry.find(name, time.time()) for name in (before, after))
    console = _console()
    changed = differences(first["components"], second["components"])
    if not changed:
        console.print("no difference")
    for lines in changed.values():
        for line in lines:
            colour = "green" if line.startswith("+") else "red" if line.startswith("-") else None
            console.print(line, style=colour, soft_wrap=True)


@app.command()
def use(name: NameArgument, home: HomeOption = None) -> None:
    """Use a version in new runs."""
    with _registry(home) as registry:
        now = time.time()
        version = registry.find(name, now)
        registry.choose(version["prompt_set"], author="user", now=now)
    _console().print(f"new runs use {version['prompt_set'][:10]}; `ratchet prompts rollback` goes back")


@app.command()
def rollback(home: HomeOption = None) -> None:
    """Go back to the version that was in use before."""
    with _registry(home) as registry:
        before, after = registry.rollback(time.time())
    _console().print(f"new runs use {after[:10]} instead of {before[:10]}")


@app.command("export")
def export_prompts(
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for NAME.md files; a file with gepa.")],
    name: Annotated[str, typer.Argument(help=f"{NAME} With gepa: an optimisation.")] = "current",
    form: Annotated[
        Form, typer.Option("--format", help="gepa: the pool of an optimisation as its result.")
    ] = "markdown",
    home: HomeOption = None,
) -> None:
    """Write a version as Markdown files, or a pool as gepa's result."""
    if form == "gepa":
        _export_pool(target, name, home)
        return
    from prompts.registry import write_folder

    with _registry(home) as registry:
        version = registry.find(name, time.time())
    for path in write_folder(version, target):
        print(path)


def _export_pool(file: Path, name: str, home: Path | None) -> None:
    from batch.gepa_result import gepa_result
    from checkpoints.ledger import Ledger
    from checkpoints.optimisations import OptimisationLog
    from prompts.registry import PromptRegistry
    from runtime.homes import home_of
    from runtime.settings import load_settings
    from state.errors import SetupError

    opened = home_of(load_settings(home=home))
    try:
        found = gepa_result(Ledger(opened), OptimisationLog(opened), PromptRegistry(opened), name)
    finally:
        opened.close()
    try:
        file.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"cannot write {file}: {error.strerror}") from error
    print(file)


@app.command("import")
def import_folder(
    folder: Annotated[Path, typer.Argument(help="Folder of NAME.md files; missing ones are those in use.")],
    use_it: Annotated[bool, typer.Option("--use", help="Use it in new runs.")] = False,
    home: HomeOption = None,
) -> None:
    """Keep a folder of Markdown files as a new version."""
    from prompts.registry import read_folder

    with _registry(home) as registry:
        now = time.time()
        base = registry.get(registry.chosen(now))
        prompt_set = registry.add_users(read_folder(folder, base), base["prompt_set"], now)
        if use_it:
            registry.choose(prompt_set, author="user", now=now)
    print(prompt_set)


@contextmanager
def _registry(home: Path | None) -> "Iterator[PromptRegistry]":
    from prompts.registry import PromptRegistry
    from runtime.homes import home_of
    from runtime.settings import load_settings

    opened = home_of(load_settings(home=home))
    try:
        yield PromptRegistry(opened)
    finally:
        opened.close()


def _console() -> "Console":
    from cli.tables import stdout_console

    return stdout_console()


def _evidence(version: "PromptVersion") -> str:
    return str(version["evidence"].get("summary", ""))
