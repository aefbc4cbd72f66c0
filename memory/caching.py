"""Hit rates: what the caches save, for everyone to see."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from storage.engine import Home
from storage.tables import home_meta

KEPT_AS = "memory_caches"  # the home's counts of all processes that ended well


@dataclass(slots=True)
class HitRate:
    """How often a cache was asked, and how often it knew. Counts may lose a few when threads race: they are a gauge."""

    hits: int = 0
    misses: int = 0

    def count(self, *, hit: bool) -> None:
        """Note one question to the cache."""
        if hit:
            self.hits += 1
        else:
            self.misses += 1

    @property
    def rate(self) -> float:
        """Return the share of questions that the cache answered, 0 when it was never asked."""
        return self.hits / max(self.hits + self.misses, 1)

    def plus(self, other: "HitRate") -> "HitRate":
        """Return both counts together."""
        return HitRate(self.hits + other.hits, self.misses + other.misses)


def keep_rates(home: Home, rates: Mapping[str, HitRate]) -> None:
    """Add the counts of a process that ends to those of its home."""
    if not any(rate.hits + rate.misses for rate in rates.values()):
        return
    with home.writing(alone=KEPT_AS) as connection:
        known = _kept(connection)
        added = {name: known.get(name, HitRate()).plus(rate) for name, rate in rates.items()}
        counts = {name: [rate.hits, rate.misses] for name, rate in {**known, **added}.items()}
        connection.execute(delete(home_meta).where(home_meta.c.key == KEPT_AS))
        connection.execute(home_meta.insert().values(key=KEPT_AS, value=json.dumps(counts)))


def kept_rates(home: Home) -> dict[str, HitRate]:
    """Return what the caches of a home have saved so far, over all processes that have ended."""
    with home.reading() as connection:
        return _kept(connection)


def _kept(connection: Connection) -> dict[str, HitRate]:
    value = connection.execute(select(home_meta.c.value).where(home_meta.c.key == KEPT_AS)).scalar()
    return {name: HitRate(*counts) for name, counts in json.loads(value or "{}").items()}
