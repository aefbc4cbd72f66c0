"""`ratchet memory`: what can be asked of the memory and done to it. The work is in cli/memory_views and _changes."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import HomeOption, JsonOption

app = typer.Typer(
    help="Look into the memory, add to it, forget.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)

UserOption = Annotated[str, typer.Option("--user", help="Scope: memories of this user.")]
ProjectOption = Annotated[str, typer.Option("--project", help="Scope: of this project. [no scope: project default]")]
AgentOption = Annotated[str, typer.Option("--agent", help="Scope: of this agent.")]
RunOption = Annotated[str, typer.Option("--run", help="Scope: of this run of an agent.")]
FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        "-f",
        metavar="FIELD=VALUE",
        help="Also != > >= < <= ~ (contains), or a JSON filter; may be repeated: all must hold.",
    ),
]
KindOption = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="Only episodic, semantic or procedural; may be repeated."),
]
HiddenOption = Annotated[
    bool, typer.Option("--hidden", help="Superseded, archived, consolidated and expired ones as well.")
]
LimitOption = Annotated[int, typer.Option(min=1, help="How many at most.")]
OffsetOption = Annotated[int, typer.Option(min=0, help="How many to skip: the next page.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A memory's id, or its beginning.")]


@app.command()
def add(
    text: Annotated[str, typer.Argument(help="What to remember; - reads it from standard input.")],
    kind: Annotated[str, typer.Option(help="episodic, semantic or procedural.")] = "semantic",
    code: Annotated[Path | None, typer.Option(help="A file with the program of a procedural memory.")] = None,
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", "-a", metavar="FIELD=VALUE", help="For filters; may be repeated.")
    ] = None,
    importance: Annotated[float, typer.Option(help="From 0 to 1.")] = 0.5,
    thread: Annotated[str, typer.Option(help="Memories of one thread are neighbours.")] = "",
    cause: Annotated[str, typer.Option(help="Why: the same cause again changes nothing. [default: the text]")] = "",
    sentences: Annotated[bool, typer.Option("--sentences", help="One memory per statement of the text.")] = False,
    user: UserOption = "",
    project: ProjectOption = "",
    agent: AgentOption = "",
    run: RunOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remember a text. Duplicates merge; a newer value of the same thing supersedes the older one."""
    from cli.memory_changes import Given, add_text

    given = Given(kind, code, attribute or [], importance, thread, cause, sentences)
    add_text(text, given, _scope(user, project, agent, run), home, as_json=as_json)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="The question; words in quotation marks are looked for as they are.")],
    limit: LimitOption = 10,
    offset: OffsetOption = 0,
    filters: FilterOption = None,
    kind: KindOption = None,
    hidden: HiddenOption = False,
    user: UserOption = "",
    project: ProjectOption = "",
    agent: AgentOption = "",
    run: RunOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find memories, the best first. Says what each score is made of."""
    from cli.memory_views import Page, search_memories

    page = Page(limit, offset, filters or [], kind or [], hidden)
    search_memories(text, page, _scope(user, project, agent, run), home, as_json=as_json)


@app.command("list")
def list_(
    limit: LimitOption = 20,
    offset: OffsetOption = 0,
    filters: FilterOption = None,
    kind: KindOption = None,
    hidden: HiddenOption = False,
    user: UserOption = "",
    project: ProjectOption = "",
    agent: AgentOption = "",
    run: RunOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List memories, the oldest first."""
    from cli.memory_views import Page, list_memories

    page = Page(limit, offset, filters or [], kind or [], hidden)
    list_memories(page, _scope(user, project, agent, run), home, as_json=as_json)


@app.command()
def show(memory_id: IdArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a memory with its earlier texts, links and uses."""
    from cli.memory_views import show_memory

    show_memory(memory_id, home, as_json=as_json)


@app.command()
def history(memory_id: IdArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show every change of a memory, also of a forgotten one."""
    from cli.memory_views import show_history

    show_history(memory_id, home, as_json=as_json)


@app.command()
def stats(
    user: UserOption = "",
    project: ProjectOption = "",
    agent: AgentOption = "",
    run: RunOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count memories by scope, kind and state. Shows caches, disk and the vector mirror as well."""
    from cli.memory_views import show_stats

    show_stats(_scope(user, project, agent, run), home, as_json=as_json)


@app.command()
def forget(
    memory_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, or their beginnings.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Other scopes' memories that say or quote it as well.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Purge memories from every file of the home. That is rows, quotations, checkpoints, reports, free space."""
    from cli.memory_changes import forget_memories

    forget_memories(memory_ids, home, yes=yes, everywhere=everywhere, as_json=as_json)


@app.command()
def prune(
    older_than: Annotated[str | None, typer.Option(help="Since they were put away: 90m, 12h, 30d, 8w.")] = None,
    keep: Annotated[int | None, typer.Option(min=0, help="The newest n stay.")] = None,
    rehearse: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove memories that runs wrote and put away. The audit trail stays, and so does what you told it."""
    from cli.memory_changes import prune_memories

    prune_memories(older_than, keep, home, rehearse=rehearse, as_json=as_json)


@app.command()
def export(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file. [default: standard output]")] = None,
    user: UserOption = "",
    project: ProjectOption = "",
    agent: AgentOption = "",
    run: RunOption = "",
    home: HomeOption = None,
) -> None:
    """Write memories as JSON lines. Earlier texts and links go along; without a scope, all memories."""
    from cli.memory_changes import export_memories

    export_memories(out, {"user": user, "project": project, "agent": agent, "run": run}, home)


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(help="What `ratchet memory export` wrote; - reads standard input.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take exported memories in. Those that are there stay as they are."""
    from cli.memory_changes import import_memories

    import_memories(file, home, as_json=as_json)


@app.command()
def reindex(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Embed what is not embedded yet, and build the vector mirror anew. The setting `embedder` names the embedder."""
    from cli.memory_changes import reindex_memories

    reindex_memories(home, as_json=as_json)


@app.command()
def verify(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check every memory against the audit trail. Exit code 1 when something was tampered with."""
    from cli.memory_views import verify_memories

    raise typer.Exit(verify_memories(home, as_json=as_json))


@app.command("map")
def map_(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The HTML file. [default: in the home]")] = None,
    user: UserOption = "",
    project: ProjectOption = "",
    agent: AgentOption = "",
    run: RunOption = "",
    home: HomeOption = None,
) -> None:
    """Draw the memories as one HTML page. Near means alike, colours are groups; it needs no network."""
    from cli.memory_views import draw_map

    draw_map(out, _scope(user, project, agent, run), home)


def _scope(user: str, project: str, agent: str, run: str) -> dict[str, str]:
    """Return the scope that was named, or the one that runs remember in."""
    named = {"user": user, "project": project, "agent": agent, "run": run}
    return named if any(named.values()) else {**named, "project": "default"}
