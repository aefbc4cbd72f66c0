"""One vector per field of an item: a query's score is that of the field that fits best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, select

from memory.embedders import Embedder, Vectors
from memory.embeddings import Embeddings
from storage.contents import digest_of
from storage.engine import Home
from storage.tables import memory_vectors


@dataclass(frozen=True, slots=True)
class FieldEmbeddings:
    """The vectors of the fields of items that are about to be stored."""

    owners: Sequence[tuple[str, str]]  # (memory id, path) per row
    vectors: Vectors
    memory_ids: Sequence[str]  # all items, those without a field included


class FieldVectors:
    """Vectors of one embedder by memory and field."""

    def __init__(self, home: Home, embedder: Embedder) -> None:
        self._home = home
        self._embeddings = Embeddings(home, embedder)
        self._prefix = f"{digest_of(embedder.name)[:16]}#"

    def embedded(self, texts: Mapping[str, Mapping[str, str]]) -> FieldEmbeddings:
        """Embed the fields of items: text by memory and path."""
        owners = [(memory_id, path) for memory_id, fields in texts.items() for path in fields]
        vectors = self._embeddings.of([text for fields in texts.values() for text in fields.values()])
        return FieldEmbeddings(owners, vectors, list(texts))

    def store(self, connection: Connection, embedded: FieldEmbeddings) -> None:
        """Write the vectors in the transaction that writes the items, in the place of earlier ones."""
        c = memory_vectors.c
        mine = c.embedder.startswith(self._prefix, autoescape=True)
        connection.execute(delete(memory_vectors).where(c.memory_id.in_(embedded.memory_ids), mine))
        rows = [
            {"memory_id": one, "embedder": self._name(path), "digest": "", "vector": vector.astype("<f4").tobytes()}
            for (one, path), vector in zip(embedded.owners, embedded.vectors, strict=True)
        ]
        if rows:
            connection.execute(memory_vectors.insert(), rows)

    def scores(self, query: str, memory_ids: Sequence[str]) -> dict[str, float]:
        """Return the cosine of the query with the best field of each memory that has one."""
        wanted, (asked,) = set(memory_ids), self._embeddings.of([query])
        c = memory_vectors.c
        with self._home.reading() as connection:
            found = connection.execute(
                select(c.memory_id, c.vector).where(c.embedder.startswith(self._prefix, autoescape=True))
            )
            rows = [(memory_id, np.frombuffer(raw, "<f4")) for memory_id, raw in found if memory_id in wanted]
        scores: dict[str, float] = {}
        for memory_id, vector in rows:
            scores[memory_id] = max(float(vector @ asked), scores.get(memory_id, -1.0))
        return scores

    def _name(self, path: str) -> str:
        return self._prefix + digest_of(path)
