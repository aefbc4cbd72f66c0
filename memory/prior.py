"""What is known of a memory before the question: how recent and important it is, and what it proved to be worth."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memory.index import Sight
from memory.lifecycle import Now, Track, tracks
from memory.record import Record
from storage.engine import Home

HOUR_S = 3_600.0
RECENCY_PER_HOUR = 0.995  # Park et al., "Generative Agents", UIST 2023
CANDIDATES = 4  # times as many as are wanted are weighed: a prior is mild
KEPT_SIGHTS = 8


@dataclass(frozen=True, slots=True)
class Prior:
    """How much each part may add to a score of 1; all 0: the question alone decides (docs/memory.md#priors)."""

    recency: float = 0.0
    importance: float = 0.0
    utility: float = 0.0  # also takes away, from what proved harmful

    def __bool__(self) -> bool:
        return any((self.recency, self.importance, self.utility))

    def shares(self, record: Record, track: Track, now: Now) -> dict[str, float]:
        """Return by how much of its score each part raises a record."""
        age = now.age(record.origin["run_id"], record.origin["batch"], record.created_at)
        recency = RECENCY_PER_HOUR ** (min(age, track.age) / HOUR_S)
        values = {
            "recency": self.recency * recency,
            "importance": self.importance * record.importance,
            "utility": self.utility * track.utility,
        }
        return {name: value for name, value in values.items() if value}


class Worth:
    """The tracks of memories, remembered for the sights that searches are in. Threads may share it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._known: OrderedDict[Sight, dict[str, Track]] = OrderedDict()

    def of(self, records: Sequence[Record], now: Now) -> Mapping[str, Track]:
        """Return what memories were used for, as far as is in sight."""
        if now.sight.watermark is None:
            return tracks(self._home, [record.memory_id for record in records], now)
        with self._lock:
            known = self._known.setdefault(now.sight, {})
            self._known.move_to_end(now.sight)
            if len(self._known) > KEPT_SIGHTS:
                self._known.popitem(last=False)
            unknown = [record.memory_id for record in records if record.memory_id not in known]
            if unknown:
                known.update(dict.fromkeys(unknown, Track()) | tracks(self._home, unknown, now))
            return {record.memory_id: known[record.memory_id] for record in records}

    def clear(self) -> None:
        """Forget what is remembered: uses were noted."""
        with self._lock:
            self._known.clear()
