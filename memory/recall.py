"""Searching: an index per scope, kept fresh by the log, and the records that it finds."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from memory.caching import HitRate, keep_rates
from memory.chroma_mirror import ChromaMirror
from memory.dense import EXACT_ROWS, Vector
from memory.embeddings import Embeddings
from memory.filters import Group, parsed
from memory.index import Asked, ScopeIndex, Sight
from memory.lifecycle import Now, Track
from memory.prior import CANDIDATES, Prior, Worth
from memory.question import question_of
from memory.ranking import WEIGHTS, Scored, Weights
from memory.reader import Reader
from memory.record import NOTHING, MemoryRefusedError, Record, Scope
from memory.records import changes_since
from memory.words import words_of
from storage.engine import Home

Filters: TypeAlias = Mapping[str, Any] | Group  # as JSON, or parsed already

MIRRORED = 200  # candidates from the mirror
FOLLOW_S = 0.5  # how long searches of a closed sight may go without a look at the log
KEPT_SCOPES = 64  # indexes in RAM; the least recently used one goes first and is rebuilt when it is asked for again
PHRASE_CANDIDATES = 200  # records that are read to see whether they hold a quotation
KEPT_ANSWERS = 1000  # with their records, until the log moves on
_ALL = Sight()


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A question to the memory of a scope."""

    text: str
    scope: Scope
    sight: Sight = _ALL
    limit: int = 10
    offset: int = 0
    filters: Filters = field(default_factory=lambda: NOTHING)
    weights: Weights | None = None  # None: what the question's intent calls for
    closed: bool = False  # all that the sight shows has been written
    prior: Prior = field(default_factory=Prior)
    batch_s: float = 0.0  # for how many seconds a batch of a learning run counts: what recency is measured in


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that a search found, with what its score is made of."""

    record: Record
    score: float
    parts: Mapping[str, float]

    @property
    def why(self) -> str:
        """Say in words how the score came about."""
        return " + ".join(f"{name} {value:.3f}" for name, value in self.parts.items())


class Recall:
    """Searches over the records of a home. Threads may share it."""

    def __init__(
        self, home: Home, *, now: Callable[[], float] = time.time, embeddings: Embeddings | None = None
    ) -> None:
        self._home = home
        self._embeddings = embeddings
        # an encrypted home has no mirror: vectors lie open in Chroma's files, and say much about their texts
        self.mirror = ChromaMirror(home, home.mirror_url) if embeddings and home.seal is None else None
        self._now = now
        self._reader = Reader(home)
        self.worth = Worth(home)
        self._lock = threading.Lock()
        self._indexes: OrderedDict[Scope, ScopeIndex] = OrderedDict()
        self._followed: tuple[tuple[Scope, Sight] | None, float] = (None, 0.0)  # the last search's sight, and when
        self._answers: dict[Any, tuple[int, list[Hit]]] = {}  # by question: how far the log was, and what was found
        self._answered_at = 0  # how far the log was at the last search that followed it
        self._answering = HitRate()

    def search(self, search: Search) -> list[Hit]:
        """Return the best records, best first, ties by id.

        Raises MemoryRefusedError when no scope is named or a filter is not understood.
        """
        filters = parsed(search.filters)
        if search.closed or search.prior:  # a prior changes with the clock and with uses, which the log does not tell
            return self._search(search, filters, self._index_for(search))
        last = self._reader.last()
        if last != self._answered_at or len(self._answers) > KEPT_ANSWERS:
            self._answers.clear()  # not only out of date: a text that is forgotten should leave the RAM, too
            self._answered_at = last
        key = (search.text, search.scope, search.sight, search.limit, search.offset, search.weights, filters)
        known = self._answers.get(key)
        if known is not None and known[0] == last:
            self._answering.hits += 1
            return known[1].copy()
        index = self._index_for(search)
        hits = self._search(search, filters, index)
        if not index.expiring:
            self._answers[key] = (last, hits.copy())
        return hits

    def _search(self, search: Search, filters: Group | None, index: ScopeIndex) -> list[Hit]:
        question = question_of(search.text)
        weights = WEIGHTS[question.intent] if search.weights is None else search.weights
        wanted = search.offset + search.limit
        if search.limit <= 0:
            return []
        weighed = wanted * CANDIDATES if search.prior else wanted
        limit = max(weighed, PHRASE_CANDIDATES) if question.phrases else weighed
        vector = self._embeddings.of([search.text])[0] if self._embeddings and weights.dense else None
        near = self._near(index, vector) if vector is not None else ()
        asked = Asked(limit, filters, self._now(), vector, near)
        found = index.search(question, weights, search.sight, asked)
        if question.phrases:
            found = self._quoting(found, question.phrases)
        if search.prior:
            return self._weighed(self._hits(found), search)[search.offset : wanted]
        return self._hits(found[search.offset : wanted])

    def listed(
        self, scope: Scope, *, sight: Sight, filters: Filters = NOTHING, limit: int = 100, offset: int = 0
    ) -> list[Record]:
        """Return a page of the records of a scope, oldest first."""
        memory_ids = self.index(scope).listed(sight, parsed(filters), self._now())[offset : offset + limit]
        records = self._reader.records(memory_ids)
        return [records[memory_id] for memory_id in memory_ids if memory_id in records]

    def count(self, scope: Scope, *, sight: Sight, filters: Filters = NOTHING) -> int:
        """Return how many records `listed` has on all of its pages."""
        return len(self.index(scope).listed(sight, parsed(filters), self._now()))

    def records(self, memory_ids: Sequence[str]) -> dict[str, Record]:
        """Return those of the memories that exist."""
        self._reader.last()
        return self._reader.records(memory_ids)

    def last(self) -> int:
        """Return how far the log is."""
        return self._reader.last()

    def index(self, scope: Scope) -> ScopeIndex:
        """Return the index of a scope, up to date with the log."""
        if not scope.named():
            raise MemoryRefusedError("a search needs a scope: name a user, a project, an agent or a run")
        last = self._reader.last()
        with self._lock:
            index = self._indexes.get(scope) or self._indexes.setdefault(scope, ScopeIndex(scope))
            self._indexes.move_to_end(scope)
            if len(self._indexes) > KEPT_SCOPES:
                self._indexes.popitem(last=False)
        if index.seq < last:
            with index.refreshing:
                if index.seq < last:
                    embedder = self._embeddings.name if self._embeddings else ""
                    index.apply(changes_since(self._home, scope, index.seq, embedder))
        if index.worn:
            with self._lock:
                self._indexes.pop(scope, None)
        return index

    def _index_for(self, search: Search) -> ScopeIndex:
        """Return the index of a search's scope, as far along the log as the search needs.

        Later entries of the log cannot change what a closed sight finds, but for texts that are forgotten: those may
        take FOLLOW_S to go. Following the log on every call costs as much as a search.
        """
        asked, now = (search.scope, search.sight), time.monotonic()
        if search.closed and self._followed[0] == asked and now - self._followed[1] < FOLLOW_S:
            index = self._indexes.get(search.scope)
            if index is not None and not index.worn:
                return index
        index = self.index(search.scope)
        self._followed = (asked, now)
        return index

    def drop_indexes(self) -> None:
        """Forget every index and the mirror: the next search builds them from the records."""
        if self.mirror is not None:
            self.mirror.discard()
        with self._lock:
            self._indexes.clear()
            self._answers.clear()
            self._reader.clear()

    def caches(self) -> dict[str, HitRate]:
        """Return the hit rates of the caches: answers in RAM, and records."""
        with self._lock:
            found = [self._answering, *(index.caching for index in self._indexes.values())]
        answers = HitRate(sum(rate.hits for rate in found), sum(rate.misses for rate in found))
        rates = {"answers": answers, "records": self._reader.caching}
        return {**rates, "embeddings": self._embeddings.caching} if self._embeddings else rates

    def mirror_all(self, scopes: Iterable[Scope]) -> dict[Scope, int]:
        """Bring the mirror up to date now, for those of the scopes that need it; return how many vectors were sent."""
        if self.mirror is None or self._embeddings is None:
            return {}
        indexes = [index for scope in scopes if len(index := self.index(scope)) > EXACT_ROWS]
        return {one.scope: self.mirror.catch_up(one.scope, self._embeddings.name, one.seq) for one in indexes}

    def close(self) -> None:
        """Give back the connection that follows the log, end the mirror's process, and keep the caches' counts."""
        keep_rates(self._home, self.caches())
        self._reader.close()
        if self.mirror is not None:
            self.mirror.close()

    def _near(self, index: ScopeIndex, vector: Vector) -> list[str]:
        """Ask the mirror for vector candidates; small scopes are compared exactly and need none."""
        if self.mirror is None or self._embeddings is None or len(index) <= EXACT_ROWS:
            return []
        self.mirror.feed(index.scope, self._embeddings.name, index.seq)
        return self.mirror.nearest(index.scope, self._embeddings.name, vector, MIRRORED)

    def _hits(self, found: Sequence[Scored]) -> list[Hit]:
        records = self._reader.records([scored.memory_id for scored in found])
        return [Hit(records[s.memory_id], s.score, s.parts) for s in found if s.memory_id in records]

    def _weighed(self, hits: Sequence[Hit], search: Search) -> list[Hit]:
        """Let what is known of the memories before the question raise or lower their scores."""
        # inside a run, what was there before counts as new when the run began, whatever the clock says
        now = Now(self._now() if search.sight.watermark is None else 0.0, search.sight, search.batch_s)
        known = self.worth.of([hit.record for hit in hits], now)
        found = []
        for hit in hits:
            shares = search.prior.shares(hit.record, known.get(hit.record.memory_id, Track()), now)
            parts = {name: round(hit.score * share, 4) for name, share in shares.items()}
            found.append(Hit(hit.record, hit.score * (1 + sum(shares.values())), {**hit.parts, **parts}))
        return sorted(found, key=lambda hit: (-hit.score, hit.record.memory_id))

    def _quoting(self, found: Sequence[Scored], phrases: Sequence[tuple[str, ...]]) -> list[Scored]:
        """Put what holds the quotations word for word first; when nothing does, nothing changes."""
        wanted = [f" {' '.join(words)} " for words in phrases]
        records = self._reader.records([scored.memory_id for scored in found])
        ranked = []
        for scored in found:
            record = records.get(scored.memory_id)
            said = f" {' '.join(words_of(record.text + ' ' + record.code))} " if record else ""
            held = sum(phrase in said for phrase in wanted)
            parts = {**scored.parts, "phrase": float(held)} if held else scored.parts
            ranked.append(Scored(scored.memory_id, scored.score + held * found[0].score, parts))
        return sorted(ranked, key=lambda scored: (-scored.score, scored.memory_id))
