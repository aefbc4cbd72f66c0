"""`ratchet memory search, list, show, history, stats, verify, map`: what looks and changes nothing."""

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.syntax import Syntax
from rich.table import Table

from cli.exits import EXIT_DONE, EXIT_NO_RESULT
from cli.memory_home import OpenMemory, filters_of, opened_memory
from cli.tables import counted, stdout_console
from memory.index import Sight
from memory.lifecycle import DAY_S, Now, Track, tracks
from memory.overview import memory_map, stats
from memory.recall import Search
from memory.record import KINDS, Record, Scope
from memory.transfer import faults
from state.errors import SetupError
from state.json_values import JsonObject, JsonValue

SHOWN_ID = 12  # characters: enough to name a memory
SHOWN_TEXT = 300  # characters of a text
LIST_WIDTH = 64  # columns of a list but for the text


@dataclass(frozen=True, slots=True)
class Page:
    """Which memories to show."""

    limit: int
    offset: int
    filters: Sequence[str]
    kinds: Sequence[str]
    hidden: bool

    def sight(self) -> Sight:
        """Return it as the memory takes it; raises SetupError for an unknown kind."""
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise SetupError(f"no memory kind {unknown[0]!r}; have: {', '.join(KINDS)}")
        return Sight(tuple(sorted(self.kinds)) or KINDS, hidden=self.hidden, expired=self.hidden)


def search_memories(text: str, page: Page, scope: Mapping[str, str], home: Path | None, *, as_json: bool) -> None:
    """Print what a search finds, with what each score is made of."""
    with opened_memory(home) as memory:
        search = Search(
            text=text, scope=Scope(**scope), sight=page.sight(), filters=filters_of(page.filters),
            limit=page.limit, offset=page.offset,
        )  # fmt: skip
        hits = memory.recall.search(search)
        if as_json:
            for hit in hits:
                print(_json({"score": hit.score, "parts": dict(hit.parts), **_plain(hit.record)}))
            return
        console = stdout_console()
        if not hits:
            console.print(_nothing(memory, Scope(**scope), f"nothing like {text!r}"))
        for place, hit in enumerate(hits, page.offset + 1):
            record = hit.record
            console.print(f"{place:>3}. ", end="")
            console.print(record.memory_id[:SHOWN_ID], style="cyan", end=f"  {hit.score:.3f}  ")
            console.print(f"{record.kind}{_unless_active(record)}, {_day(record.created_at)}", style="dim")
            console.print(f"     {_line(record.text)}", soft_wrap=True)
            console.print(f"     = {hit.why}", style="dim")


def list_memories(page: Page, scope: Mapping[str, str], home: Path | None, *, as_json: bool) -> None:
    """Print a page of memories."""
    with opened_memory(home) as memory:
        where, sight, filters = Scope(**scope), page.sight(), filters_of(page.filters)
        found = memory.recall.listed(where, sight=sight, filters=filters, limit=page.limit, offset=page.offset)
        if as_json:
            for record in found:
                print(_json(_plain(record)))
            return
        console, total = stdout_console(), memory.recall.count(where, sight=sight, filters=filters)
        if not found:
            console.print(_nothing(memory, where, f"no memory from {page.offset + 1} on" if total else "no memory"))
            return
        table = Table(box=None, pad_edge=False)
        for name in ("id", "kind", "state", "importance", "created", "text"):
            table.add_column(name, no_wrap=True)
        for one in found:
            cells = [one.memory_id[:SHOWN_ID], one.kind, one.state, f"{one.importance:.2f}", _day(one.created_at)]
            table.add_row(*cells, _line(one.text, console.width - LIST_WIDTH))
        console.print(table)
        last = page.offset + len(found)
        more = f"; the next page: --offset {last}" if last < total else ""
        console.print(f"{page.offset + 1} to {last} of {total} in {where}{more}", style="dim")


def show_memory(name: str, home: Path | None, *, as_json: bool) -> None:
    """Print a memory with its earlier texts, links and uses."""
    with opened_memory(home) as memory:
        record = memory.record(name)
        earlier = memory.records.earlier_texts(record.memory_id)
        links = {one: memory.records.linked(record.memory_id, one) for one in ("summarises", "supersedes")}
        linked = memory.records.get([record.superseded_by, *(one for targets in links.values() for one in targets)])
        track = tracks(memory.home, [record.memory_id], Now(memory.records.now())).get(record.memory_id)
    if as_json:
        extra = {"earlier": [list(one) for one in earlier], **links, "track": asdict(track) if track else None}
        print(_json({**_plain(record), **extra}))
        return
    told = defaultdict(lambda: "a memory that was forgotten", {one.memory_id: _told(one) for one in linked.values()})
    facts = _facts(record, told)
    facts += [("used", _uses(track))] if track else []
    facts += [(relation, told[target]) for relation, targets in links.items() for target in targets]
    _print_memory(record, facts, earlier)


def _print_memory(record: Record, facts: Sequence[tuple[str, str]], earlier: Sequence[tuple[int, str]]) -> None:
    console = stdout_console()
    console.print(f"Memory {record.memory_id}: {record.kind}, {record.state}", style="bold")
    for label, value in facts:
        console.print(f"{label:<13}{value}", soft_wrap=True)
    console.print(f"\n{record.text}", soft_wrap=True)
    if record.code:
        console.print()
        console.print(Syntax(record.code.rstrip(), "python", background_color="default"))
    for version, text in earlier:
        console.print(f"\nversion {version} said: {text}", style="dim", soft_wrap=True)


def show_history(name: str, home: Path | None, *, as_json: bool) -> None:
    """Print the audit trail of a memory."""
    with opened_memory(home) as memory:
        entries = memory.records.history(memory.id_of(name))
    if as_json:
        for entry in entries:
            print(_json(asdict(entry)))
        return
    table = Table("seq", "when", "event", "actor", "text's digest", "cause", "detail", box=None, pad_edge=False)
    for entry in entries:
        detail = ", ".join(f"{key} {value}" for key, value in entry.detail.items() if value not in ("", None))
        cells = [entry.event, entry.actor, (entry.after or entry.before)[:SHOWN_ID], entry.cause[:24], detail]
        table.add_row(str(entry.seq), time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at)), *cells)
    stdout_console().print(table)


def show_stats(scope: Mapping[str, str], home: Path | None, *, as_json: bool) -> None:
    """Print counts, hit rates and sizes."""
    with opened_memory(home) as memory:
        found = stats(memory.records, memory.recall, Scope(**scope))
    if as_json:
        print(_json(found))
        return
    console = stdout_console()
    console.print(f"{counted(found['memories'], 'memory')} in {found['scope']}", style="bold")
    for kind, states in found["counts"].items():
        console.print(f"  {kind:<12}{sum(states.values()):>6}   {_counted(states)}")
    others = {name: count for name, count in found["scopes"].items() if name != found["scope"]}
    if others:
        console.print(f"other scopes  {_counted(others)}", soft_wrap=True)
    console.print(f"uses          {found['uses']} of {found['used']} memories")
    console.print(f"audit trail   {found['log']} entries")
    rates = [f"{name} {one['rate']:.0%} of {one['asked']}" for name, one in found["caches"].items() if one["asked"]]
    disk = [f"{name} {_size(size)}" for name, size in found["disk"].items()]
    vectors = [f"{name}: {count}" for name, count in found["vectors"].items()]
    console.print(f"cache hits    {', '.join(rates) or 'no cache was asked yet'}")
    console.print(f"disk          {', '.join(disk)}")
    console.print(f"vectors       {', '.join(vectors) or 'none: the setting `embedder` names no embedder'}")
    console.print(f"mirror        {found['mirror']}")


def verify_memories(home: Path | None, *, as_json: bool) -> int:
    """Print what is wrong with the audit trail and the memories; return the exit code."""
    with opened_memory(home) as memory:
        found, entries = faults(memory.records), memory.recall.last()
    if as_json:
        print(_json({"entries": entries, "faults": found}))
    else:
        console = stdout_console()
        for fault in found:
            console.print(fault, style="red", soft_wrap=True)
        if not found:
            console.print(
                f"{entries} entries of the audit trail are whole, and every memory says what was written down"
            )
    return EXIT_NO_RESULT if found else EXIT_DONE


def draw_map(out: Path | None, scope: Mapping[str, str], home: Path | None) -> None:
    """Write the map, to the home unless told otherwise, and say where it is."""
    with opened_memory(home) as memory:
        page = memory_map(memory.records, memory.recall, Scope(**scope))
        hint = "" if out else " (--out writes it elsewhere)"
        out = out or memory.home.folder / "memory-map.html"
    out.write_text(page, encoding="utf-8")
    stdout_console().print(f"Map: {out.resolve()}{hint}", soft_wrap=True)


def _nothing(memory: OpenMemory, scope: Scope, what: str) -> str:
    """Say that there is nothing, and where there is something."""
    here = {one: count for one, count in memory.records.scopes().items() if scope.covers(one)}
    others = [f"{one} ({count})" for one, count in memory.records.scopes().items() if one not in here]
    where = f"; other scopes: {', '.join(others[:5])}" if others else ""
    return f"{what} among the {sum(here.values())} memories in {scope}{where}"


def _plain(record: Record) -> JsonObject:
    named = {name: getattr(record, name) for name in Record.__dataclass_fields__}
    return {**named, "attributes": dict(record.attributes), "scope": record.scope.named()}


def _told(record: Record) -> str:
    """Name a memory by its id and what it says."""
    return f"{record.memory_id[:SHOWN_ID]}  {_line(record.text)}"


def _facts(record: Record, told: Mapping[str, str]) -> list[tuple[str, str]]:
    validity = f"from {_day(record.valid_from)}" + (f" to {_day(record.valid_to)}" if record.valid_to else "")
    facts = [
        ("scope", str(record.scope)), ("cause", _line(record.cause)), ("importance", f"{record.importance:.2f}"),
        ("created", _day(record.created_at)), ("valid", validity), ("said", f"{record.sightings} ×"),
        ("signature", record.signature), ("thread", record.thread),
        ("superseded by ", record.superseded_by and told[record.superseded_by]),
        ("attributes", json.dumps(dict(record.attributes), ensure_ascii=False) if record.attributes else ""),
    ]  # fmt: skip
    return [(label, value) for label, value in facts if value]


def _uses(track: Track) -> str:
    said = f"{track.uses} times, last {track.age / DAY_S:.1f} days ago"
    rewards = len(track.advantages)
    return f"{said}; mean advantage {track.mean:+.2f} over {rewards} rewards" if rewards else said


def _line(text: str, most: int = SHOWN_TEXT) -> str:
    """Return a text on one line, cut."""
    line = " ".join(text.split())
    return line if len(line) <= max(most, 20) else line[: max(most, 20) - 1] + "…"


def _unless_active(record: Record) -> str:
    return "" if record.state == "active" else f" ({record.state})"


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB" if size_bytes >= 2**20 else f"{size_bytes / 1024:.0f} KiB"


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)
