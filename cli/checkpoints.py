"""`ratchet checkpoints list|prune|export|import`."""

import dataclasses
import json
import re
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli.options import HomeOption, JsonOption, PanelCommand, RunOrEpisodeArgument
from state.errors import SetupError

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SHOWN = 20

app = typer.Typer(
    help="What saved threads take; prune, export, import them.", no_args_is_help=True, rich_markup_mode=None
)


def parse_age(text: str) -> timedelta:
    """Read "90m", "12h", "30d" or "8w"; raises SetupError for anything else."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if found is None:
        raise SetupError(f"{text!r} is no age: write 90m, 12h, 30d or 8w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


@app.command("list", cls=PanelCommand)
def list_threads(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the saved threads, the one that was written to last first."""
    from rich.table import Table

    from checkpoints.care import saved_threads
    from cli.tables import counted, stdout_console
    from workbench.bench import Workbench

    with Workbench(home) as bench:
        threads = saved_threads(bench.saver)
    if as_json:
        for thread in threads:
            print(json.dumps({**dataclasses.asdict(thread), "kind": thread.kind}))
        return
    table = Table("thread", "kind", "checkpoints", "kB", "last written", box=None, pad_edge=False)
    for thread in threads[:SHOWN]:
        last = time.strftime("%Y-%m-%d %H:%M", time.localtime(thread.last_at))
        size = f"{thread.size_bytes / 1000:.1f}"
        table.add_row(thread.thread_id[:40], thread.kind, str(thread.checkpoints), size, last)
    console = stdout_console()
    console.print(table)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(t.kind for t in threads).items()))
    total = sum(thread.size_bytes for thread in threads) / 1e6
    console.print(
        f"{counted(len(threads), 'thread')} ({kinds}), {total:.1f} MB; texts are stored once and not counted here"
    )


@app.command("prune", cls=PanelCommand)
def prune_threads(
    older_than: Annotated[str | None, typer.Option(help="Since the last checkpoint: 90m, 12h, 30d, 8w.")] = None,
    keep: Annotated[int | None, typer.Option(min=0, help="The newest n threads stay.")] = None,
    rehearse: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove old threads' checkpoints and the texts that only they used. Results, memories and prompts stay."""
    from cli.tables import counted
    from workbench.bench import Workbench
    from workbench.care import prune

    age = parse_age(older_than) if older_than else None
    with Workbench(home) as bench:
        pruned = prune(bench, older_than=age, keep=keep, rehearse=rehearse)
    size = sum(thread.size_bytes for thread in pruned.threads)
    if as_json:
        about = {"rehearsal": rehearse, "threads": len(pruned.threads), "size_bytes": size, "texts": pruned.texts}
        print(json.dumps({**about, "unfinished_kept": pruned.unfinished}))
        return
    verb = "would remove" if rehearse else "removed"
    texts = "" if rehearse else f" and {pruned.texts} texts that nothing else referred to"
    print(f"{verb} {counted(len(pruned.threads), 'thread')} ({size / 1e6:.1f} MB){texts}")
    if pruned.unfinished:
        print(f"{pruned.unfinished} old threads are not finished and stay")


@app.command("export", cls=PanelCommand)
def export_file(
    name: RunOrEpisodeArgument,
    file: Annotated[Path, typer.Argument(help="Where to, such as run.jsonl.gz.")],
    home: HomeOption = None,
) -> None:
    """Write a run or an episode to one file. It holds texts, results and forks as well."""
    from cli.tables import counted
    from workbench.bench import Workbench
    from workbench.transfer import export_threads

    with Workbench(home) as bench:
        count = export_threads(bench, name, file)
    print(f"wrote {counted(count, 'thread')} to {file}")


@app.command("import", cls=PanelCommand)
def import_file(
    file: Annotated[Path, typer.Argument(help="A file that export wrote.")], home: HomeOption = None
) -> None:
    """Read what export wrote into a home. The home is made if there is none; twice is once."""
    from cli.tables import counted
    from runtime.homes import home_of
    from runtime.settings import load_settings
    from workbench.bench import Workbench
    from workbench.transfer import import_threads

    settings = load_settings(home=home)
    home_of(settings).close()
    with Workbench(settings.home) as bench:
        taken = import_threads(bench, file)
        print(f"{counted(taken.new, 'new thread')} in {bench.home.name}, {taken.known} known already")
    if taken.absent_memories:
        print(
            f"{taken.absent_memories} memories that its episodes were shown are not here: replays will report their "
            "searches as different. They travel by `ratchet memory export` and `ratchet memory import`"
        )
