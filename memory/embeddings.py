"""Vectors in the relational home: one per record and embedder, and a cache by text so that nothing is paid twice."""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, delete, select

from memory.caching import HitRate
from memory.embedders import Embedder, Vectors
from memory.log import WRITERS
from memory.record import Record
from storage.contents import digest_of
from storage.engine import Home, insert_new
from storage.tables import embedding_cache, memories, memory_vectors

BATCH = 64  # texts per call of the embedder
_CHUNK = 400  # digests per query


class Embeddings:
    """What one embedder made of the records and questions of a home."""

    def __init__(self, home: Home, embedder: Embedder) -> None:
        self._home = home
        self._embedder = embedder
        self.caching = HitRate()

    @property
    def name(self) -> str:
        """Return the embedder's name."""
        return self._embedder.name

    def of(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text; only texts that were never embedded cost a call."""
        digests = [digest_of(text) for text in texts]
        known = self._cached(digests)
        missing = {d: t for d, t in zip(digests, texts, strict=True) if d not in known}
        for digest in digests:
            self.caching.count(hit=digest not in missing)
        for start in range(0, len(missing), BATCH):
            part = dict(list(missing.items())[start : start + BATCH])
            vectors = self._embedder.embed(list(part.values()))
            known.update(zip(part, vectors, strict=True))
            rows = [
                {"embedder": self.name, "digest": digest, "vector": vector.astype("<f4").tobytes()}
                for digest, vector in zip(part, vectors, strict=True)
            ]
            with self._home.writing() as connection:
                insert_new(connection, embedding_cache, rows)
        return np.stack([known[digest] for digest in digests]).astype(np.float32) if digests else np.zeros((0, 0), "f4")

    def embed_missing(self) -> int:
        """Embed every record without a vector of this embedder, or with that of an earlier text; return how many.

        This is the job after a change of embedder: until it has run, records without a vector are found by words only.
        """
        v, c = memory_vectors.c, memories.c
        made = memories.outerjoin(memory_vectors, (v.memory_id == c.memory_id) & (v.embedder == self.name))
        stale = v.memory_id.is_(None) | (v.digest != c.digest)
        with self._home.reading() as connection:
            todo = connection.execute(select(c.memory_id, c.digest, c.text).select_from(made).where(stale)).all()
        for start in range(0, len(todo), BATCH):
            part = todo[start : start + BATCH]
            vectors = self.of([text for _, _, text in part])
            with self._home.writing(alone=WRITERS) as connection:
                self.store(connection, {row[0]: row[1] for row in part}, vectors)
        return len(todo)

    def embed_within(self, connection: Connection, records: Sequence[Record]) -> None:
        """Embed records inside the caller's transaction, without the cache, which has transactions of its own.

        Other writers wait for the embedder meanwhile: it is for the few records that must not be seen without a vector.
        """
        for start in range(0, len(records), BATCH):
            part = records[start : start + BATCH]
            vectors = self._embedder.embed([record.text for record in part])
            self.store(connection, {record.memory_id: record.digest for record in part}, vectors)

    def store(self, connection: Connection, digests: Mapping[str, str], vectors: Vectors) -> None:
        """Write the vectors of records inside the caller's transaction; `digests` says what was embedded, in order."""
        v = memory_vectors.c
        connection.execute(delete(memory_vectors).where(v.embedder == self.name, v.memory_id.in_(list(digests))))
        rows = [
            {
                "memory_id": memory_id, "embedder": self.name, "digest": digest,
                "vector": vector.astype("<f4").tobytes(),
            }
            for (memory_id, digest), vector in zip(digests.items(), vectors, strict=True)
        ]  # fmt: skip
        connection.execute(memory_vectors.insert(), rows)

    def _cached(self, digests: Sequence[str]) -> dict[str, Vectors]:
        c = embedding_cache.c
        found: dict[str, Vectors] = {}
        with self._home.reading() as connection:
            for start in range(0, len(digests), _CHUNK):
                chosen = c.digest.in_(digests[start : start + _CHUNK])
                query = select(c.digest, c.vector).where(c.embedder == self.name, chosen)
                found.update((digest, np.frombuffer(raw, "<f4")) for digest, raw in connection.execute(query))
        return found


def drop_unowned(connection: Connection) -> None:
    """Delete the cached embeddings, of every embedder, that are of no memory's text."""
    c = embedding_cache.c
    owned = {digest_of(text) for text in connection.execute(select(memories.c.text)).scalars()}
    unowned = sorted(set(connection.execute(select(c.digest)).scalars()) - owned)
    for start in range(0, len(unowned), _CHUNK):
        connection.execute(delete(embedding_cache).where(c.digest.in_(unowned[start : start + _CHUNK])))
