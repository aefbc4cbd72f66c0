"""What is in the memory: counts for a table, and a map of its groups as one HTML page."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sqlalchemy import func, select

from memory.caching import HitRate, kept_rates
from memory.care import EVERYTHING, grouped
from memory.clusters import Clustering
from memory.dense import EXACT_ROWS
from memory.embedders import HashedEmbedder, Vectors
from memory.index import Sight
from memory.lifecycle import Now, tracks
from memory.mirror_place import FOLDER as MIRROR_FOLDER
from memory.mirror_place import ServerPlace
from memory.recall import Recall
from memory.record import Record, Scope
from memory.records import Records
from state.json_values import JsonObject
from storage.engine import DATABASE_FILE, Home
from storage.tables import embedding_cache, memories, memory_vectors, memory_versions

DRAWN_MOST = 2_000  # records on a map; of more, the newest
_SIZE = 800
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Memory map</title>
<style>body{{font:14px system-ui;margin:2em}}svg{{border:1px solid #ccc}}circle{{opacity:.75}}</style>
<h1>Memory of {scope}</h1><p>{count} memories in {groups} groups. Near each other: said alike. Hover for the text.</p>
{svg}</html>"""
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{width}" viewBox="0 0 {size} {size}"
 role="img" aria-label="memory map">{circles}</svg>"""


class MemoryMap(NamedTuple):
    """A drawing of memories."""

    svg: str
    memories: int
    groups: int


def stats(records: Records, recall: Recall, scope: Scope) -> JsonObject:
    """Return what there is in a scope and in the home, as JSON values.

    Counts of the scope by kind and state and its uses; of the home: other scopes, the audit trail's length, hit rates
    of the caches over all processes so far, sizes on disk in bytes, vectors by embedder, the mirror's state.
    """
    seen = recall.listed(scope, sight=Sight(hidden=True, expired=True), limit=EVERYTHING)
    used = tracks(records.home, [record.memory_id for record in seen], Now(records.now()))
    counts: dict[str, dict[str, int]] = {}
    for record in seen:
        by_state = counts.setdefault(record.kind, {})
        by_state[record.state] = by_state.get(record.state, 0) + 1
    kept = kept_rates(records.home)
    caches = {name: kept.get(name, HitRate()).plus(rate) for name, rate in {**kept, **recall.caches()}.items()}
    return {
        "scope": str(scope),
        "memories": len(seen),
        "counts": counts,
        "scopes": {str(one): count for one, count in records.scopes().items()},
        "used": len(used),
        "uses": sum(track.uses for track in used.values()),
        "log": recall.last(),
        "caches": {name: {"rate": round(r.rate, 3), "asked": r.hits + r.misses} for name, r in sorted(caches.items())},
        "disk": _disk(records.home),
        "vectors": _vectors(records.home),
        "mirror": _mirror(records.home, recall),
    }


def _disk(home: Home) -> dict[str, int]:
    """Return the bytes of the memory's tables by what they hold, and of the files."""
    held = {
        "texts": [memories.c.text, memories.c.code, memories.c.attributes, memory_versions.c.text],
        "vectors": [memory_vectors.c.vector, embedding_cache.c.vector],
    }
    with home.reading() as connection:
        sizes = {
            name: sum(connection.execute(select(func.sum(func.length(one)))).scalar() or 0 for one in columns)
            for name, columns in held.items()
        }
        served = connection.execute(select(func.pg_database_size(func.current_database()))).scalar() if home.url else 0
    database = served or _bytes_in(home.folder.glob(f"{DATABASE_FILE}*"))
    return sizes | {"database": database, "mirror": _bytes_in((home.folder / MIRROR_FOLDER).rglob("*"))}


def _bytes_in(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file())


def _vectors(home: Home) -> dict[str, int]:
    query = select(memory_vectors.c.embedder, func.count()).group_by(memory_vectors.c.embedder)
    with home.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def _mirror(home: Home, recall: Recall) -> str:
    if home.seal is not None:
        return "not used: the home is encrypted, and Chroma's files would not be"
    if recall.mirror is None:
        return "not used: the setting `embedder` names no embedder"
    place = recall.mirror.place
    if isinstance(place, ServerPlace):
        return f"on {place}, for scopes of more than {EXACT_ROWS:,} memories"
    if not place.folder.exists():
        return f"not built: it is for scopes of more than {EXACT_ROWS:,} memories"
    return f"built, in {place}"


def memory_map(records: Records, recall: Recall, scope: Scope) -> str:
    """Return an HTML page without network access that draws every memory as a dot, coloured by its group."""
    drawn = map_svg(recall, scope)
    return _PAGE.format(scope=html.escape(str(scope)), count=drawn.memories, groups=drawn.groups, svg=drawn.svg)


def map_svg(recall: Recall, scope: Scope, *, width: int = _SIZE) -> MemoryMap:
    """Draw every memory of a scope as a dot, near those that say alike, coloured by group; width in pixels."""
    seen = recall.listed(scope, sight=Sight(), limit=EVERYTHING)[-DRAWN_MOST:]
    clustering = grouped(seen, {})
    circles = _circles(seen, clustering) if seen else ""
    svg = _SVG.format(width=width, size=_SIZE, circles=circles)
    return MemoryMap(svg, len(seen), len(clustering.members()))


def _circles(seen: Sequence[Record], clustering: Clustering) -> str:
    places = _places(HashedEmbedder(256).embed([record.text for record in seen]))
    colours = {name: number * 137 % 360 for number, name in enumerate(sorted(clustering.members()))}
    return "".join(
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{4 + 4 * record.importance:.0f}" '
        f'fill="hsl({colours[clustering.groups[record.memory_id]]} 65% 50%)">'
        f"<title>{html.escape(record.text[:300])}</title></circle>"
        for record, (x, y) in zip(seen, places, strict=True)
    )


def _places(vectors: Vectors) -> Vectors:
    """Return two coordinates per vector inside the drawing: its first two principal components."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    flat = centred @ axes[:, -2:]
    reach = np.abs(flat).max() or 1.0
    places: Vectors = (flat / reach * 0.45 + 0.5) * _SIZE
    return places
