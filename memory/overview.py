"""What is in the memory: counts for a table, and a map of its groups as one HTML page."""

import html
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from memory.care import EVERYTHING, grouped
from memory.clusters import Clustering
from memory.embedders import HashedEmbedder, Vectors
from memory.index import Sight
from memory.lifecycle import tracks
from memory.recall import Recall
from memory.record import Record, Scope
from memory.records import Records

DRAWN_MOST = 2_000  # records on a map; of more, the newest
_SIZE = 800
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Memory map</title>
<style>body{{font:14px system-ui;margin:2em}}svg{{border:1px solid #ccc}}circle{{opacity:.75}}</style>
<h1>Memory of {scope}</h1><p>{count} memories in {groups} groups. Near each other: said alike. Hover for the text.</p>
<svg width="{size}" height="{size}" viewBox="0 0 {size} {size}">{circles}</svg></html>"""


def stats(records: Records, recall: Recall, scope: Scope) -> dict[str, Any]:
    """Return counts of a scope's memories by kind and state, their uses, the log's length and the caches' hit rates."""
    seen = recall.listed(scope, sight=Sight(hidden=True, expired=True), limit=EVERYTHING)
    used = tracks(records.home, [record.memory_id for record in seen])
    return {
        "scope": str(scope),
        "memories": len(seen),
        "kinds": dict(Counter(record.kind for record in seen)),
        "states": dict(Counter(record.state for record in seen)),
        "used": len(used),
        "uses": sum(track.uses for track in used.values()),
        "log": recall.last(),
        "hit_rates": {name: round(rate.rate, 3) for name, rate in recall.caches().items()},
    }


def memory_map(records: Records, recall: Recall, scope: Scope) -> str:
    """Return an HTML page without network access that draws every memory as a dot, coloured by its group."""
    seen = recall.listed(scope, sight=Sight(), limit=EVERYTHING)[-DRAWN_MOST:]
    clustering = grouped(records.home, seen)
    circles = _circles(seen, clustering) if seen else ""
    groups = len(clustering.members())
    return _PAGE.format(scope=html.escape(str(scope)), count=len(seen), groups=groups, size=_SIZE, circles=circles)


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
