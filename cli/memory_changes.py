"""`ratchet memory add, forget, prune, export, import, reindex`: what changes the memory, or carries it elsewhere."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.table import Table

from batch.lease import worked_on
from cli.checkpoints import parse_age
from cli.memory_home import OpenMemory, opened_memory, pairs_of
from cli.tables import counted, stdout_console
from memory.forget import Forgotten
from memory.pipeline import Pipeline, by_sentences
from memory.prune import prune
from memory.record import KINDS, Draft, Scope
from memory.transfer import exported, imported
from runtime.forgetting import forget_everywhere
from state.errors import SetupError
from state.memory_item import MemoryKind
from storage.contents import digest_of

ACTOR = "command line"
SHOWN = 60  # characters of a text that is about to be forgotten


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says about a text to be remembered."""

    kind: str
    code: Path | None
    attributes: Sequence[str]
    importance: float
    thread: str
    cause: str
    sentences: bool


def add_text(text: str, given: Given, scope: Mapping[str, str], home: Path | None, *, as_json: bool) -> None:
    """Remember a text and print what became of it."""
    text = sys.stdin.read() if text == "-" else text
    draft = Draft(
        text=text.strip(), cause=given.cause or digest_of(text.strip()), scope=Scope(**scope), kind=_kind(given.kind),
        code=given.code.read_text(encoding="utf-8") if given.code else "", importance=given.importance,
        attributes=pairs_of(given.attributes), thread=given.thread,
    )  # fmt: skip
    with opened_memory(home, make=True) as memory:
        pipeline = Pipeline(memory.records, extractor=by_sentences if given.sentences else None)
        outcomes = pipeline.remember([draft], actor=ACTOR)
    if as_json:
        for one in outcomes:
            print(json.dumps(asdict(one)))
        return
    for one in outcomes:
        instead = f", in place of {', '.join(old[:12] for old in one.superseded)}" if one.superseded else ""
        stdout_console().print(f"{one.memory_id[:12]}  {_SAID[one.outcome]}{instead}")


_SAID = {
    "added": "remembered",
    "merged": "was known already: counted as said once more",
    "known": "was there already",
    "superseded": "remembered as history: something newer is known",
}


def forget_memories(names: Sequence[str], home: Path | None, *, yes: bool, everywhere: bool, as_json: bool) -> None:
    """Purge memories after asking, and print what went and what was redacted."""
    with opened_memory(home) as memory:
        memory_ids = [memory.id_of(name) for name in names]
        if not yes:
            _ask(memory, memory_ids)
        forgotten = forget_everywhere(memory.records, memory_ids, actor=ACTOR, everywhere=everywhere)
        working = worked_on(memory.home)
    if as_json:
        print(json.dumps(asdict(forgotten)))
    else:
        _print_forgotten(forgotten)
    if working:
        print(
            f"{', '.join(working)} is under way and may quote it again: forget it once more at its end", file=sys.stderr
        )


def prune_memories(
    older_than: str | None, keep: int | None, home: Path | None, *, rehearse: bool, as_json: bool
) -> None:
    """Remove what runs have put away, and print how much that was."""
    if older_than is None and keep is None:
        raise SetupError("say what to remove: --older-than 30d, --keep 1000, or both")
    age_s = parse_age(older_than).total_seconds() if older_than else 0.0
    with opened_memory(home) as memory:
        if working := worked_on(memory.home):
            raise SetupError(f"{', '.join(working)} is being worked on: wait until it has ended, then prune")
        pruned = prune(memory.records, older_than_s=age_s, keep=keep or 0, rehearse=rehearse, actor=ACTOR)
    if as_json:
        about = {"rehearsal": rehearse, "memories": len(pruned.memory_ids), "size_bytes": pruned.size_bytes}
        print(json.dumps({**about, "in_use": pruned.in_use}))
        return
    verb = "would remove" if rehearse else "removed"
    print(f"{verb} {len(pruned.memory_ids)} memories ({pruned.size_bytes / 1e6:.1f} MB of text)")
    if pruned.in_use:
        print(f"{pruned.in_use} more may still be seen by an unfinished run and stay")


def export_memories(out: Path | None, scope: Mapping[str, str], home: Path | None) -> None:
    """Write the memories of a scope, or all, as JSON lines."""
    with opened_memory(home) as memory:
        lines = exported(memory.records, Scope(**scope))
        if out is None:
            for line in lines:
                print(line)
            return
        count = 0
        with out.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
    print(f"{counted(count, 'memory')} in {out}", file=sys.stderr)


def import_memories(file: str, home: Path | None, *, as_json: bool) -> None:
    """Take exported memories in and print how many were new."""
    lines = sys.stdin.readlines() if file == "-" else Path(file).read_text(encoding="utf-8").splitlines()
    with opened_memory(home, make=True) as memory:
        new = imported(memory.records, lines, actor=ACTOR)
    total = sum(1 for line in lines if line.strip())
    if as_json:
        print(json.dumps({"new": new, "known": total - new}))
    else:
        stdout_console().print(f"{new} new memories, {total - new} were there already")


def reindex_memories(home: Path | None, *, as_json: bool) -> None:
    """Embed what is missing, rebuild the mirror and print how much that was."""
    started = time.perf_counter()
    with opened_memory(home) as memory:
        memory.recall.drop_indexes()
        embedded = memory.embeddings.embed_missing() if memory.embeddings else 0
        scopes = memory.records.scopes()
        mirrored = memory.recall.mirror_all(scopes)
        for scope in scopes:
            memory.recall.index(scope)
        name = memory.embeddings.name if memory.embeddings else ""
    found = {
        "memories": sum(scopes.values()), "scopes": len(scopes), "embedder": name, "embedded": embedded,
        "mirrored": sum(mirrored.values()), "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip
    if as_json:
        print(json.dumps(found))
        return
    made = f", {embedded} embedded by {name}, {found['mirrored']} vectors mirrored" if name else ""
    stdout_console().print(
        f"{counted(sum(scopes.values()), 'memory')} in {counted(len(scopes), 'scope')} "
        f"indexed anew in {found['seconds']:.1f} s{made}"
    )


def _kind(name: str) -> MemoryKind:
    for kind in KINDS:
        if kind == name:
            return kind
    raise SetupError(f"no memory kind {name!r}; have: {', '.join(KINDS)}")


def _ask(memory: OpenMemory, memory_ids: Sequence[str]) -> None:
    """Show what will go and wait for a yes; raises SetupError where nobody can answer."""
    for memory_id, record in memory.records.get(memory_ids).items():
        print(f"{memory_id[:12]}  {' '.join(record.text.split())[:SHOWN]}", file=sys.stderr)
    if not sys.stdin.isatty():
        raise SetupError("forgetting cannot be undone and nobody is there to confirm it: add --yes")
    typer.confirm("Purge them from every file of the home? This cannot be undone", abort=True, err=True)


def _print_forgotten(forgotten: Forgotten) -> None:
    console = stdout_console()
    table = Table(box=None, show_header=False, pad_edge=False)
    rows: list[tuple[str, Sequence[str]]] = [
        ("forgotten", forgotten.memory_ids),
        ("summaries that stood for them, forgotten too", forgotten.summaries),
        ("memories that said the same, forgotten too", forgotten.twins),
        ("memories that quoted them, now without it", forgotten.redacted),
        ("memories of other scopes that say it, kept (--everywhere)", forgotten.elsewhere),
    ]
    for label, ids in rows:
        if ids or label == "forgotten":
            named = ", ".join(one[:12] for one in ids[:5]) + (" …" if len(ids) > 5 else "")
            table.add_row(f"{len(ids)}", label, named)
    table.add_row(str(forgotten.quotations), "places that quoted them, redacted", "")
    console.print(table)
