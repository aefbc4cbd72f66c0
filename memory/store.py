"""The memory of the learning loop: drafts in, hits out, inside a horizon."""

import time
from collections.abc import Callable, Sequence

from memory.care import Care
from memory.embedders import Embedder
from memory.embeddings import Embeddings
from memory.filters import parsed
from memory.index import sight_of
from memory.lifecycle import Now, count_uses
from memory.prior import Prior
from memory.recall import Hit, Recall, Search
from memory.record import LOOP_SCOPE, NOTHING, RECIPE, Scope, draft_from
from memory.records import Records
from state.errors import RatchetError
from state.memory_item import Horizon, MemoryDraft, MemoryHit, MemoryQuery
from storage.contents import digest_of
from storage.engine import Home

_RECIPES = parsed({RECIPE: "*"}) or NOTHING
_NO_RECIPES = parsed({"NOT": {RECIPE: "*"}}) or NOTHING


class MemoryStore:
    """Memories of one scope of a home. Threads may share one store, and processes one home."""

    def __init__(
        self,
        home: Home,
        *,
        scope: Scope = LOOP_SCOPE,
        now: Callable[[], float] = time.time,
        embedder: Embedder | None = None,
        prior: Prior | None = None,
        batch_s: float = 0.0,
    ) -> None:
        """prior: what counts besides the question. batch_s: for how many seconds a batch of a run counts."""
        self.scope = scope
        self.prior = prior or Prior()
        self.batch_s = batch_s
        self.embeddings = Embeddings(home, embedder) if embedder else None
        self.records = Records(home, now=now, embeddings=self.embeddings)
        self.recall = Recall(home, now=now, embeddings=self.embeddings)

    def add(self, draft: MemoryDraft) -> str:
        """Store a memory and return its id; the same kind and cause again changes nothing.

        Raises MemoryRefusedError when it has no text or its importance is not in [0, 1].
        """
        return self.add_all([draft])[0]

    def add_all(self, drafts: Sequence[MemoryDraft]) -> list[str]:
        """Store memories in one transaction, all or none; return their ids, in order. Raises what `add` raises."""
        return self.records.add([draft_from(draft, self.scope) for draft in drafts])

    def adopt(self, memory_ids: Sequence[str], run_id: str, batch: int) -> None:
        """Make memories that other runs wrote visible to later batches of a run as well; once more changes nothing."""
        others = self.records.unknown_to(run_id, memory_ids)
        if others:
            with self.records.changing() as writer:
                writer.adopt(others, run_id, batch)

    def search(self, query: MemoryQuery) -> list[MemoryHit]:
        """Return the best memories inside the query's horizon, best first, ties by id."""
        sight = sight_of(query["horizon"], query["kinds"])
        closed = query.get("closed", False)
        search = Search(
            text=query["text"], scope=self.scope, sight=sight, limit=query["limit"], closed=closed,
            prior=self.prior, batch_s=self.batch_s,
            filters=_RECIPES if query.get("recipes") else _NO_RECIPES if "semantic" in query["kinds"] else NOTHING,
        )  # fmt: skip
        return [_hit(hit) for hit in self.recall.search(search)]

    def get(self, memory_ids: Sequence[str]) -> list[MemoryHit]:
        """Return memories by id, in order, with score 0; raises RatchetError when there is no such memory."""
        found = self.recall.records(memory_ids)
        absent = [memory_id for memory_id in memory_ids if memory_id not in found]
        if absent:
            raise RatchetError(f"no memory {absent[0]} in {self.records.home.name}")
        return [_hit(Hit(found[memory_id], 0.0, {})) for memory_id in memory_ids]

    def watermark(self) -> int:
        """Return the highest sequence of the log, 0 when nothing was ever remembered."""
        return self.recall.last()

    def snapshot(self, horizon: Horizon) -> str:
        """Return a digest of the memories that a horizon shows, "" when it shows none.

        Two runs that see the same memories get the same digest, in whatever order they were written.
        """
        shown = self.recall.index(self.scope).snapshot(sight_of(horizon))
        if shown and self.prior.utility:  # then what is found depends on what was noted as well
            return digest_of(f"{shown} {count_uses(self.records.home, sight_of(horizon))}")
        return shown

    def care(self, horizon: Horizon, *, began: float) -> Care:
        """Return the steps of a round of care over what a horizon shows, between the batch before it and its own.

        began: when the run began, in seconds since the epoch.
        The horizon's batch and later ones of its run see the changes; other runs that are under way do not.
        """
        return Care(self.records, self.recall, self.scope, Now(began, sight_of(horizon), self.batch_s))

    def close(self) -> None:
        """Give back the connection that follows the log."""
        self.recall.close()


def _hit(hit: Hit) -> MemoryHit:
    record = hit.record
    return {
        "memory_id": record.memory_id, "kind": record.kind, "text": record.text, "code": record.code,
        "entry_point": record.entry_point, "score": hit.score, "why": hit.why,
    }  # fmt: skip
