"""`search`: what the memory finds and why; `memory`: one memory with its history; `memory_map`: all of them at once."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from memory.index import Sight
from memory.lifecycle import Now, Track, tracks
from memory.log import LogEntry
from memory.overview import map_svg
from memory.recall import Hit, Search
from memory.record import KINDS, NOTHING, Record
from state.errors import SetupError
from state.json_values import JsonMapping
from state.memory_item import MemoryKind
from workbench.bench import Workbench
from workbench.html import code, details, page, table
from workbench.svg import AMBER, BLUE, CHARACTER, DIM, GREEN, VIOLET, Picture, box, picture, short, text

SHOWN_TEXT = 160  # characters of a text in a table
COLOURS = (BLUE, GREEN, AMBER, VIOLET, "#0e9384", "#dd2590", "#667085")
BAR, ROW, MAP = 300.0, 24.0, 480  # pixels: of the longest bar, of a hit's row, of the map


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search found, the best first. Displays itself in a notebook."""

    question: str
    hits: list[Hit]

    @property
    def ids(self) -> list[str]:
        """The memories, the best first."""
        return [hit.record.memory_id for hit in self.hits]

    @property
    def scores(self) -> Picture:
        """What the scores are made of: a bar per memory, a part per engine."""
        return _score_bars(self)

    def _repr_html_(self) -> str:
        head = ["", "memory", "score", "made of", "kind", "text"]
        rows = [
            [place, hit.record.memory_id[:10], hit.score, hit.why, hit.record.kind, short(hit.record.text, SHOWN_TEXT)]
            for place, hit in enumerate(self.hits, 1)
        ]
        return page(f"{len(self.hits)} memories for “{short(self.question, 80)}”", table(head, rows))


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """A memory with what was done to it and what it was used for. Displays itself in a notebook."""

    record: Record
    log: list[LogEntry]
    track: Track | None

    def _repr_html_(self) -> str:
        record = self.record
        facts = [["kind", record.kind], ["state", record.state], ["importance", f"{record.importance:.2f}"]]
        facts += [["shown to", f"{self.track.uses if self.track else 0} episodes"], ["text", record.text]]
        log = [[entry.seq, time.strftime("%H:%M:%S", time.localtime(entry.at)), entry.event, entry.actor]
               for entry in self.log]  # fmt: skip
        program = details("its program", code(record.code.rstrip())) if record.code else ""
        trail = table(["audit trail", "when", "event", "by"], log)
        return page(f"Memory {record.memory_id[:12]}", table(["", ""], facts), program, trail)


def search(
    bench: Workbench,
    question: str,
    *,
    limit: int = 8,
    kinds: Sequence[MemoryKind] = KINDS,
    filters: JsonMapping = NOTHING,
) -> Found:
    """Find memories of a home's runs by what they say; words in quotation marks are looked for as they are.

    filters: on attributes, such as {"entry_point": {"contains": "sum"}}; see docs/memory.md.
    Raises MemoryRefusedError for a filter that is not understood.
    """
    store = bench.services.memory
    sight = Sight(tuple(sorted(kinds)))
    wanted = Search(text=question, scope=store.scope, sight=sight, limit=limit, filters=filters, prior=store.prior)
    return Found(question=question, hits=store.recall.search(wanted))


def memory(bench: Workbench, name: str) -> Remembered:
    """Return a memory by its id or the beginning of it; raises SetupError when there is not one such memory."""
    records = bench.services.memory.records
    found = [name] if name in records.get([name]) else records.named(name)
    record = records.get(found).get(found[0]) if len(found) == 1 else None
    if record is None:
        what = "several memories begin" if len(found) > 1 else "no memory begins"
        raise SetupError(f"{what} with {name!r}; `ratchet memory list` shows the ids")
    track = tracks(bench.home, found, Now(records.now())).get(record.memory_id)
    return Remembered(record=record, log=records.history(record.memory_id), track=track)


def memory_map(bench: Workbench) -> Picture:
    """Draw every memory as a dot, near those that say alike, coloured by group."""
    store = bench.services.memory
    return Picture(title="memory map", svg=map_svg(store.recall, store.scope, width=MAP).svg)


def _score_bars(found: Found) -> Picture:
    names = list(dict.fromkeys(name for hit in found.hits for name in hit.parts))
    colour = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    most = max((sum(max(part, 0.0) for part in hit.parts.values()) for hit in found.hits), default=0.0) or 1.0
    left, top = 92.0, 34.0
    parts, x = [], 12.0
    for name in names:
        parts += [box((x, 10, 11, 11), fill=colour[name]), text(x + 16, 20, name, colour=DIM)]
        x += 34 + CHARACTER * len(name)
    width = max(x, left + BAR + 360)
    for row, hit in enumerate(found.hits):
        y, start = top + row * ROW, left
        parts.append(text(12, y + 13, hit.record.memory_id[:10], colour=DIM))
        for name, part in hit.parts.items():
            length = BAR * max(part, 0.0) / most
            parts.append(box((start, y, length, 16), fill=colour[name], hint=f"{name} {part:.3f}"))
            start += length
        parts.append(text(start + 6, y + 13, f"{hit.score:.2f}  {short(hit.record.text, 46)}"))
    return picture("what the scores are made of", width, top + ROW * len(found.hits) + 6, *parts)
