"""How memories fade, prove their worth and are retired. Times are seconds since the epoch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from memory.record import Record
from storage.engine import Home, insert_new
from storage.tables import memory_uses

DAY_S = 86_400.0
STABILITY_DAYS: Mapping[str, float] = {"episodic": 7.0, "semantic": 30.0, "procedural": 60.0}
DECAYED_BELOW = 0.2  # retention under which a memory counts as decayed
ARCHIVED_BELOW = 0.01
KEPT_IMPORTANCE = 0.9  # what matters this much never fades
LEAST_USES = 8  # nothing is concluded from fewer rewards
CONFIDENCE = 1.8  # standard errors: a harmless memory is retired about once in thirty looks


@dataclass(frozen=True, slots=True)
class Track:
    """What a memory was used for so far."""

    uses: int = 0
    last_used_at: float = 0.0
    advantages: tuple[float, ...] = ()  # reward minus what such an episode gets without the memory, each in [-1, 1]

    @property
    def mean(self) -> float:
        """Return the mean advantage, 0 before the first reward."""
        return sum(self.advantages) / len(self.advantages) if self.advantages else 0.0

    @property
    def error(self) -> float:
        """Return the standard error of the mean.

        One success and one failure are imagined on top: without them, three equal rewards would be certainty.
        """
        count = len(self.advantages) + 2
        squares = sum((value - self.mean) ** 2 for value in self.advantages) + 2 * 0.25
        return math.sqrt(squares / count / count)

    @property
    def utility(self) -> float:
        """Return the lower confidence bound of the advantage, 0 before the first reward: what ranks memories."""
        return self.mean - self.error if self.advantages else 0.0

    @property
    def hurts(self) -> bool:
        """Tell whether the rewards say with confidence that the memory lowers them."""
        return len(self.advantages) >= LEAST_USES and self.mean + CONFIDENCE * self.error < 0


def note_uses(
    home: Home, memory_ids: Sequence[str], *, cause: str, reward: float | None, baseline: float | None, at: float
) -> int:
    """Note that an episode was shown memories and what reward it ended with; return how many uses were new.

    The same cause again changes nothing, so that a replayed episode counts once. `baseline` is the reward that such an
    episode gets without them: the mean of the same task, family or run. Both are in [0, 1].
    """
    rows = [
        {"memory_id": memory_id, "cause": cause, "reward": reward, "baseline": baseline, "at": at}
        for memory_id in memory_ids
    ]
    with home.writing() as connection:
        return insert_new(connection, memory_uses, rows)


def tracks(home: Home, memory_ids: Sequence[str]) -> dict[str, Track]:
    """Return what each memory was used for; those never used are left out."""
    found: dict[str, Track] = {}
    c = memory_uses.c
    with home.reading() as connection:
        for start in range(0, len(memory_ids), 400):
            chosen = c.memory_id.in_(memory_ids[start : start + 400])
            query = select(c.memory_id, c.reward, c.baseline, c.at).where(chosen).order_by(c.memory_id, c.cause)
            for memory_id, reward, baseline, at in connection.execute(query):
                old = found.get(memory_id, Track())
                known = reward is not None and baseline is not None
                gained = (*old.advantages, reward - baseline) if known else old.advantages
                found[memory_id] = Track(old.uses + 1, max(old.last_used_at, at), gained)
    return found


def retention(record: Record, track: Track, now: float) -> float:
    """Return how well a memory is retained, in [0, 1]: exp(-dt / S).

    dt runs from the last use; S grows with every use and is set by kind and importance.
    Source: Zhong et al., "MemoryBank", AAAI 2024; the factor for importance is ours.
    """
    stability = STABILITY_DAYS[record.kind] * DAY_S * (1 + record.importance) * (1 + track.uses)
    since = max(now - max(record.created_at, track.last_used_at), 0.0)
    return math.exp(-since / stability)
