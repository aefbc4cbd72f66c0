"""mem0's public `Memory`, over this memory: `from memory.mem0 import Memory` instead of `from mem0 import Memory`.

The methods, their checks and the shapes of their results are those of mem0ai 2.2. What is different, on purpose:
keyword-only matches are found; OR and NOT work; an unknown filter operator and an empty text are refused everywhere;
`infer=True` without a model splits texts into statements, merges duplicates and lets newer facts supersede older ones.
"""

import logging
import os
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from memory.embedders import LangChainEmbedder
from memory.embeddings import Embeddings
from memory.forget import erase
from memory.index import Sight
from memory.mem0_shapes import (
    PROJECT,
    ValidationError,
    added_item,
    check_numbers,
    draft_of,
    expiration_of,
    expiry_of,
    flat,
    history_row,
    item_of,
    messages_of,
    refuse_entities,
    scope_and_filters,
    scope_of,
    score_details,
)
from memory.pipeline import Pipeline, by_sentences
from memory.recall import Recall, Search
from memory.record import HIDDEN_STATES, Draft, Record, Scope
from memory.records import Records
from state.json_values import JsonMapping, JsonObject
from storage.engine import open_home

log = logging.getLogger(__name__)

ACTOR = "mem0"
EVERYTHING = 2**31
_UNSET: Any = object()


class Memory:
    """Memories by user, agent and run. Threads may share one object, and processes one home."""

    def __init__(self, config: JsonMapping | None = None) -> None:
        settings = dict(config or {})
        embedder = _embedder(settings.pop("embedder", {}))
        self._home = open_home(_folder(settings))
        embeddings = Embeddings(self._home, embedder) if embedder else None
        self._records = Records(self._home, embeddings=embeddings)
        self._recall = Recall(self._home, embeddings=embeddings)

    @classmethod
    def from_config(cls, config_dict: JsonMapping) -> "Memory":
        """Open the home at config["home"] or at the vector store's path; the log names parts that have no use."""
        return cls(config_dict)

    def add(
        self,
        messages: str | JsonMapping | Sequence[JsonMapping],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: JsonMapping | None = None,
        infer: bool = True,
        **options: Any,
    ) -> JsonObject:
        """Remember messages: each as it is, or with `infer` the statements in them.

        Raises ValidationError without any id or for messages of another type, ValueError for a bad id or date.
        """
        scope = scope_of({"user_id": user_id, "agent_id": agent_id, "run_id": run_id})
        if not scope.user and not scope.agent and not scope.run:
            raise ValidationError("At least one of 'user_id', 'agent_id', or 'run_id' must be provided.")
        if options.get("memory_type") not in (None, "procedural_memory"):
            raise ValidationError("Invalid 'memory_type'. Please pass procedural_memory to create procedural memories.")
        expires_at = expiry_of(options.get("expiration_date"))
        given = {**(metadata or {}), **expiration_of(options.get("expiration_date"))}
        drafts = _in_one_thread([draft_of(one, scope, given, expires_at) for one in messages_of(messages)])
        if not infer:
            ids = self._records.add(drafts, actor=ACTOR)
        else:
            pipeline = Pipeline(self._records, extractor=by_sentences)
            ids = [one.memory_id for one in pipeline.remember(drafts, actor=ACTOR) if one.outcome == "added"]
        return {"results": [added_item(record) for record in self._read(ids)]}

    def get(self, memory_id: str) -> JsonObject | None:
        """Return a memory, None when there is none."""
        record = self._find(memory_id)
        return None if record is None else item_of(record, score=None)

    def get_all(
        self, *, filters: JsonMapping | None = None, top_k: int = 20, show_expired: bool = False, **options: Any
    ) -> JsonObject:
        """Return memories of the ids in `filters`, oldest first."""
        refuse_entities(options, "get_all")
        check_numbers(top_k=top_k)
        scope, rest = scope_and_filters(filters)
        sight = Sight(expired=show_expired)
        return {"results": [item_of(one) for one in self._recall.listed(scope, sight=sight, filters=rest, limit=top_k)]}

    def search(
        self,
        query: str,
        *,
        top_k: int = 20,
        filters: JsonMapping | None = None,
        threshold: float = 0.1,
        explain: bool = False,
        **options: Any,
    ) -> JsonObject:
        """Return the memories that fit a query, best first, with scores in [0, 1] of at least `threshold`."""
        refuse_entities(options, "search")
        check_numbers(top_k=top_k, threshold=threshold)
        if not isinstance(query, str):
            raise ValueError("Invalid query: must be a non-empty string.")  # noqa: TRY004  mem0's type
        if not query.strip():
            raise ValueError("Invalid query: cannot be empty or whitespace-only.")
        scope, rest = scope_and_filters(filters)
        sight = Sight(expired=bool(options.get("show_expired")))
        hits = self._recall.search(Search(text=query.strip(), scope=scope, filters=rest, limit=top_k, sight=sight))
        results = []
        for hit, details in score_details(query, hits, threshold):
            if details["final_score"] >= threshold:
                item = item_of(hit.record, score=details["final_score"])
                results.append({**item, "score_details": details} if explain else item)
        return {"results": results}

    def update(
        self,
        memory_id: str,
        text: str | None = None,
        metadata: JsonMapping | None = None,
        *,
        expiration_date: str | date | None = _UNSET,
        data: str | None = None,
    ) -> dict[str, str]:
        """Change a memory's text, metadata (merged with what is there) or expiration date (None: never)."""
        text = data if text is None else text
        if text is None and metadata is None and expiration_date is _UNSET:
            raise ValueError("At least one of text, metadata, or expiration_date must be provided.")
        record = self._existing(memory_id, ". Please provide a valid 'memory_id'")
        if text is not None and not text.strip():
            raise ValueError("text must not be empty; use delete() to remove a memory")
        attributes = {**record.attributes, "metadata": {**record.attributes["metadata"], **(metadata or {})}}
        with self._records.changing(actor=ACTOR) as writer:
            writer.replace(record, text=record.text if text is None else text, attributes=flat(attributes))
            if expiration_date is not _UNSET:
                writer.expire(record, expiry_of(expiration_date))
        return {"message": "Memory updated successfully!"}

    def delete(self, memory_id: str) -> dict[str, str]:
        """Delete a memory; its history stays. `ratchet memory forget` purges the history's texts as well."""
        record = self._existing(memory_id, "")
        with self._records.changing(actor=ACTOR) as writer:
            writer.move(record, "archived", cause="deleted")
        return {"message": "Memory deleted successfully!"}

    def delete_all(
        self, user_id: str | None = None, agent_id: str | None = None, run_id: str | None = None
    ) -> dict[str, str]:
        """Delete every memory of the ids."""
        scope = scope_of({"user_id": user_id, "agent_id": agent_id, "run_id": run_id})
        if len(scope.named()) < 2:
            raise ValueError(
                "At least one filter is required to delete all memories. If you want to delete all memories, use the "
                "`reset()` method."
            )
        with self._records.changing(actor=ACTOR) as writer:
            for record in self._recall.listed(scope, sight=Sight(expired=True), limit=EVERYTHING):
                writer.move(record, "archived", cause="deleted")
        return {"message": "Memories deleted successfully!"}

    def history(self, memory_id: str) -> list[JsonObject]:
        """Return every change of a memory, oldest first, with its texts."""
        record = self._records.get([memory_id]).get(memory_id)
        if record is None:
            return []
        texts = [*(text for _, text in self._records.earlier_texts(memory_id)), record.text]
        rows, version = [], 0
        for entry in self._records.history(memory_id):
            event = {"add": "ADD", "update": "UPDATE"}.get(entry.event) or (
                "DELETE" if entry.cause == "deleted" else ""
            )
            if event == "UPDATE":
                version += 1
            if event:
                old = None if event == "ADD" else texts[version - (event == "UPDATE")]
                new = None if event == "DELETE" else texts[version]
                rows.append(history_row(record, str(entry.seq), event, old, new, entry.at))
        return rows

    def reset(self) -> None:
        """Delete every memory that was added here, with its history's texts."""
        with self._records.changing(actor=ACTOR) as writer:
            sight = Sight(hidden=True, expired=True)
            doomed = self._recall.listed(Scope(project=PROJECT), sight=sight, limit=EVERYTHING)
            erase(writer, {record.memory_id: record for record in doomed})

    def close(self) -> None:
        """Close the home."""
        self._recall.close()
        self._home.close()

    def chat(self, query: str) -> None:
        """Raise NotImplementedError, as mem0's does."""
        raise NotImplementedError("Chat function not implemented yet.")

    def _find(self, memory_id: str) -> Record | None:
        record = self._recall.records([memory_id]).get(memory_id)
        return None if record is None or record.state in HIDDEN_STATES or record.scope.project != PROJECT else record

    def _existing(self, memory_id: str, advice: str) -> Record:
        record = self._find(memory_id)
        if record is None:
            raise ValueError(f"Memory with id {memory_id} not found{advice}")
        return record

    def _read(self, memory_ids: Sequence[str]) -> list[Record]:
        records = self._recall.records(memory_ids)
        return [records[memory_id] for memory_id in memory_ids]


def _folder(settings: JsonObject) -> Path:
    stores = settings.pop("vector_store", {})
    home = settings.pop("home", None) or stores.get("config", {}).get("path")
    unused = sorted(set(settings) - {"version"})
    if unused:
        log.warning("parts of mem0's configuration have no use here", extra={"unused": unused})
    return Path(home or os.environ.get("RATCHET_HOME") or ".ratchet")


def _embedder(config: JsonMapping) -> LangChainEmbedder | None:
    if config.get("provider") == "langchain":
        return LangChainEmbedder(config["config"]["model"])
    if config:
        log.warning("this embedder has no use here: give a LangChain one", extra={"provider": config.get("provider")})
    return None


def _in_one_thread(drafts: Sequence[Draft]) -> list[Draft]:
    """Put messages that were given together into a thread of their own, so that neighbours are found together."""
    thread = uuid.uuid4().hex if len(drafts) > 1 else ""
    return [draft if draft.thread else replace(draft, thread=thread) for draft in drafts]
