"""How memories fade, prove their worth and are retired. Times are seconds since the epoch, ages are seconds."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, true

from memory.index import Sight
from memory.log import WRITERS, tail
from memory.record import Record
from memory.writer import CHUNK, OUTSIDE, Moment
from storage.engine import Home, insert_new
from storage.tables import memory_uses

DAY_S = 86_400.0
STABILITY_DAYS: Mapping[str, float] = {"episodic": 7.0, "semantic": 30.0, "procedural": 60.0}
DECAYED_BELOW = 0.2  # retention under which a memory counts as decayed
ARCHIVED_BELOW = 0.01
KEPT_IMPORTANCE = 0.9  # what a user or an agent said, and matters this much, never fades
EPISODE_S = 3_600.0  # what a train episode counts for: inside a run, time is what happens in it
LEAST_USES = 8  # nothing is concluded from fewer rewards
LAST_USES = 64  # rewards per memory and run that are kept: what a memory was worth long ago says little
# How often, at most, a memory that changes nothing may ever be found to hurt: docs/memory.md#sequence
DOUBT = 0.05
MIXING = 3.0  # the bound is tightest at eight times as many uses


@dataclass(frozen=True, slots=True)
class Now:
    """The point that care looks from: what is in sight, and how long ago things happened.

    Inside a learning run time is counted in batches, whatever the clock says: a run that was killed and continued, or
    had a slow model, forgets what an undisturbed one forgets.
    """

    at: float  # the clock's time; inside a run: when the run began
    sight: Sight = field(default_factory=Sight)
    batch_s: float = 0.0  # for how many seconds a batch counts

    @property
    def moment(self) -> Moment:
        """Return what changes are noted under: between the batch before the sight's own and that one."""
        return Moment(self.sight.run_id, self.sight.batch - 1) if self.sight.run_id else OUTSIDE

    def age(self, run_id: str, batch: int, at: float) -> float:
        """Return how long ago something happened, in seconds."""
        if run_id in self.sight.line:
            return max(self.sight.batch - batch, 0) * self.batch_s
        return max(self.at - at, 0.0) + self.sight.batch * self.batch_s


@dataclass(frozen=True, slots=True)
class Track:
    """What a memory was used for so far."""

    uses: int = 0
    age: float = math.inf  # since the last use
    advantages: tuple[float, ...] = ()  # reward minus what such an episode gets without the memory, each in [-1, 1]

    @property
    def mean(self) -> float:
        """Return the mean advantage, 0 before the first reward."""
        return sum(self.advantages) / len(self.advantages) if self.advantages else 0.0

    @property
    def spread(self) -> float:
        """Return the standard deviation of the advantages.

        One success and one failure are imagined on top: without them, three equal rewards would be certainty.
        """
        squares = sum((value - self.mean) ** 2 for value in self.advantages) + 2 * 0.25
        return math.sqrt(squares / (len(self.advantages) + 2))

    @property
    def error(self) -> float:
        """Return the standard error of the mean, those two included."""
        return self.spread / math.sqrt(len(self.advantages) + 2)

    @property
    def utility(self) -> float:
        """Return what the rewards prove that the memory is worth, in [-1, 1]: what ranks memories.

        The lower confidence bound of what it gives, or the upper one of what it costs; 0 while neither is sure.
        """
        return max(self.mean - self.error, 0.0) + min(self.mean + self.error, 0.0)

    @property
    def highest(self) -> float:
        """Return the upper bound of a confidence sequence for the mean advantage: it holds at all looks together.

        Care looks after every few episodes, and a bound for one look is crossed by chance sooner or later.
        Source: Robbins, "Statistical methods related to the law of the iterated logarithm", 1970, one-sided normal
        mixture; with an estimated spread as in Waudby-Smith et al., "Time-uniform central limit theory", 2024.
        """
        count = len(self.advantages)
        if not count:
            return math.inf
        mixed = count + MIXING
        reach = math.sqrt(2 * mixed * math.log1p(math.sqrt(mixed / MIXING) / (2 * DOUBT)))
        return self.mean + self.spread * reach / count

    @property
    def hurts(self) -> bool:
        """Tell whether the rewards say with confidence that the memory lowers them."""
        return len(self.advantages) >= LEAST_USES and self.highest < 0


@dataclass(frozen=True, slots=True)
class Use:
    """An episode was shown a memory."""

    memory_id: str
    cause: str  # the episode, after "run:" where another run executed it: the same memory and cause count once
    reward: float | None  # in [0, 1]; None: it is not known
    baseline: float | None  # in [0, 1]: what such an episode gets without the memory; None: it is not known


def note_uses(home: Home, uses: Sequence[Use], *, at: float, moment: Moment = OUTSIDE) -> int:
    """Note which memories were shown and how it ended; return how many uses were new.

    The same use again changes nothing, so that a replayed episode counts once. Of each memory the last LAST_USES of a
    run are kept. Inside a run, its later batches know of them, and runs that begin after the log has grown.
    """
    with home.writing(alone=WRITERS) as connection:
        following = tail(connection)[0] + 1
        placed = {"at": at, "seq": following, "run_id": moment.run_id, "batch": moment.batch}
        rows = [
            {"memory_id": u.memory_id, "cause": u.cause, "reward": u.reward, "baseline": u.baseline, **placed}
            for u in uses
        ]
        new = insert_new(connection, memory_uses, rows)
        _drop_old(connection, sorted({use.memory_id for use in uses}), moment)
        return new


def _drop_old(connection: Connection, memory_ids: Sequence[str], moment: Moment) -> None:
    c = memory_uses.c
    for part in _parts(memory_ids):
        chosen = and_(c.run_id == moment.run_id, c.memory_id.in_(part))
        latest = [c.batch.desc()] if moment.run_id else [c.at.desc()]  # a round that is repeated notes other times
        query = select(c.memory_id, c.cause).where(chosen).order_by(*latest, c.cause)
        causes: dict[str, list[str]] = defaultdict(list)
        for memory_id, cause in connection.execute(query):
            causes[memory_id].append(cause)
        for memory_id, found in causes.items():
            if old := found[LAST_USES:]:
                connection.execute(delete(memory_uses).where(c.memory_id == memory_id, c.cause.in_(old)))


def tracks(home: Home, memory_ids: Sequence[str], now: Now) -> dict[str, Track]:
    """Return what each memory was used for, as far as is in sight; those never used are left out."""
    found: dict[str, Track] = {}
    c = memory_uses.c
    query = select(c.memory_id, c.cause, c.reward, c.baseline, c.run_id, c.batch, c.at).where(_known(now.sight))
    with home.reading() as connection:
        for part in _parts(memory_ids):
            rows = connection.execute(query.where(c.memory_id.in_(part)).order_by(c.memory_id, c.cause)).all()
            # what a run and its fork both note of an episode that they share counts once
            uses = {(row.memory_id, row.cause.removeprefix(f"{row.run_id}:")): row for row in reversed(rows)}
            for (memory_id, _), (_, _, reward, baseline, *place) in sorted(uses.items()):
                old = found.get(memory_id, Track())
                gained = () if reward is None or baseline is None else (reward - baseline,)
                age = min(old.age, now.age(*place))
                found[memory_id] = Track(old.uses + 1, age, (*old.advantages, *gained))
    return found


def count_uses(home: Home, sight: Sight) -> int:
    """Return how many uses are in sight."""
    with home.reading() as connection:
        return connection.execute(select(func.count()).select_from(memory_uses).where(_known(sight))).scalar_one()


def _known(sight: Sight) -> ColumnElement[bool]:
    c = memory_uses.c
    if sight.watermark is None:
        return true()
    own = [and_(c.run_id == run_id, c.batch < batch) for run_id, batch in sight.line.items()]
    return or_(c.seq <= sight.watermark, *own)


def _parts(memory_ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (memory_ids[start : start + CHUNK] for start in range(0, len(memory_ids), CHUNK))


def retention(record: Record, track: Track, now: Now) -> float:
    """Return how well a memory is retained, in [0, 1]: exp(-dt / S).

    dt runs from the last use; S grows with every use and is set by kind and importance.
    Source: Zhong et al., "MemoryBank", AAAI 2024; the factor for importance is ours.
    """
    stability = STABILITY_DAYS[record.kind] * DAY_S * (1 + record.importance) * (1 + track.uses)
    since = min(now.age(record.origin["run_id"], record.origin["batch"], record.created_at), track.age)
    return math.exp(-since / stability)
