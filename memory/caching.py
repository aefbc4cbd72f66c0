"""Hit rates: what the caches save, for everyone to see."""

from dataclasses import dataclass


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
