"""What mem0's methods check, and the shapes of what they return."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from memory.recall import Hit
from memory.record import Draft, MemoryRefusedError, Record, Scope
from memory.words import terms_of
from state.json_values import JsonMapping, JsonObject, JsonValue

PROJECT = "mem0"  # everything that is added here: `reset` deletes this and nothing else
ENTITIES = ("user_id", "agent_id", "run_id")
_THREADS = ("session_id", "session", "conversation_id", "thread_id")  # metadata that says what belongs together
_NEED_FILTERS = "filters must contain at least one of: user_id, agent_id, run_id. Example: filters={'user_id': 'u1'}"


class ValidationError(MemoryRefusedError):
    """What was given to `add` cannot be remembered."""


def scope_of(ids: JsonMapping) -> Scope:
    """Return the scope of ids; raises ValueError for one with white space."""
    trimmed = {name: _trimmed(ids[name], name) for name in ENTITIES if ids.get(name) is not None}
    return Scope(
        project=PROJECT,
        user=trimmed.get("user_id", ""),
        agent=trimmed.get("agent_id", ""),
        run=trimmed.get("run_id", ""),
    )


def _trimmed(value: JsonValue, name: str) -> str:
    trimmed = str(value).strip()
    if not trimmed:
        raise ValueError(f"Invalid {name}: cannot be empty or whitespace-only. Provide a valid identifier.")
    if any(letter.isspace() for letter in trimmed):
        raise ValueError(f"Invalid {name}: cannot contain whitespace. Provide a valid identifier without spaces.")
    return trimmed


def scope_and_filters(filters: JsonMapping | None) -> tuple[Scope, JsonObject]:
    """Part filters into the scope and the conditions on metadata."""
    given = dict(filters or {})
    scope = scope_of(given)
    if len(scope.named()) < 2:
        raise ValueError(_NEED_FILTERS)
    return scope, {name: value for name, value in given.items() if name not in ENTITIES and value != "*"}


def messages_of(messages: JsonValue) -> list[JsonMapping]:
    """Return what is to be remembered: all but system messages; raises ValidationError for another type."""
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if isinstance(messages, Mapping):
        return [messages]
    if not isinstance(messages, Sequence) or not all(isinstance(one, Mapping) for one in messages):
        raise ValidationError("messages must be str, dict, or list[dict]")
    return [one for one in messages if one.get("role") != "system"]


def draft_of(message: JsonMapping, scope: Scope, metadata: JsonMapping, expires_at: float | None) -> Draft:
    """Return a message as a draft; messages of one run or session are neighbours."""
    own = {"role": message.get("role", "user"), "actor_id": message.get("name")}
    thread = scope.run or next((str(metadata[key]) for key in _THREADS if metadata.get(key) is not None), "")
    attributes = flat({**{key: value for key, value in own.items() if value}, "metadata": dict(metadata)})
    return Draft(
        text=message["content"], cause=uuid.uuid4().hex, scope=scope, attributes=attributes, thread=thread,
        expires_at=expires_at,
    )  # fmt: skip


def flat(attributes: JsonMapping) -> JsonObject:
    """Return attributes with the metadata's fields beside them, where filters look for them."""
    own = {key: attributes[key] for key in ("role", "actor_id") if key in attributes}
    return {**attributes["metadata"], **own, "metadata": attributes["metadata"]}


def expiry_of(value: str | date | None) -> float | None:
    """Return the end of the day of a date, in seconds since the epoch."""
    if value is None:
        return None
    try:
        day = value if isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError("expiration_date must be a valid date in YYYY-MM-DD format.") from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + timedelta(days=1).total_seconds()


def expiration_of(value: str | date | None) -> JsonObject:
    """Return the expiration date as metadata."""
    return {} if value is None else {"expiration_date": str(value)}


def refuse_entities(options: JsonMapping, method: str) -> None:
    """Raise ValueError for ids that belong into filters."""
    found = sorted(set(options) & set(ENTITIES))
    if found:
        raise ValueError(
            f"Top-level entity parameters {frozenset(found)} are not supported in {method}(). "
            f"Use filters={{'{found[0]}': '...'}} instead."
        )


def check_numbers(*, top_k: JsonValue, threshold: JsonValue = 0.0) -> None:
    """Raise ValueError for a threshold or a number of results that means nothing."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise ValueError("threshold must be a valid number")  # noqa: TRY004  mem0's type
    if not 0 <= threshold <= 1:
        raise ValueError(f"Invalid threshold: {threshold}. Must be between 0 and 1 (inclusive).")
    if isinstance(top_k, bool) or not isinstance(top_k, int):
        raise ValueError("top_k must be a valid integer")  # noqa: TRY004  mem0's type
    if top_k < 0:
        raise ValueError(f"Invalid top_k: {top_k}. Must be a non-negative integer.")


def score_details(query: str, hits: Sequence[Hit], threshold: float) -> list[tuple[Hit, dict[str, float]]]:
    """Bring scores to [0, 1]: the best hit gets the highest similarity of any to the query, the others their share.

    So the order is that of the engines, whose scores have no upper bound, and a threshold still means something: a
    query that resembles nothing has no hit near 1.
    """
    asked = Counter(terms_of(query))
    alike = [_similarity(asked, Counter(terms_of(hit.record.text))) for hit in hits]
    top = max(alike, default=0.0)
    found = []
    for hit, similarity in zip(hits, alike, strict=True):
        final = min(top * hit.score / hits[0].score, 1.0)
        parts = {"semantic_score": similarity, "bm25_score": hit.parts.get("bm25", 0.0), "entity_boost": 0.0}
        totals = {"raw_score": hit.score, "max_possible_score": 1.0, "final_score": final, "threshold": threshold}
        found.append((hit, {**parts, **totals}))
    return found


def _similarity(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Return the cosine of two texts' term counts."""
    product = sum(count * other.get(term, 0) for term, count in one.items())
    lengths = sum(count * count for count in one.values()) * sum(count * count for count in other.values())
    return float(product / lengths**0.5) if lengths else 0.0


def added_item(record: Record) -> JsonObject:
    """Return an entry of the result of `add`."""
    own = record.attributes
    return {
        "id": record.memory_id, "memory": record.text, "event": "ADD", "actor_id": own.get("actor_id"),
        "role": own.get("role"),
    }  # fmt: skip


def item_of(record: Record, **score: float | None) -> JsonObject:
    """Return a memory as `get`, `get_all` and `search` do."""
    own, scope = record.attributes, record.scope
    ids = {"user_id": scope.user, "agent_id": scope.agent, "run_id": scope.run}
    extra = {**ids, "actor_id": own.get("actor_id"), "role": own.get("role")}
    metadata = {key: value for key, value in own["metadata"].items() if key != "expiration_date"}
    expiration = {key: value for key, value in own["metadata"].items() if key == "expiration_date"}
    return {
        "id": record.memory_id, "memory": record.text, "hash": _md5(record.text), "metadata": metadata or None, **score,
        "created_at": _iso(record.created_at), "updated_at": _iso(record.updated_at),
        **{key: value for key, value in extra.items() if value}, **expiration,
    }  # fmt: skip


def history_row(
    record: Record,
    row_id: str,
    event: str,
    old: str | None,
    new: str | None,
    at: float,
) -> JsonObject:
    """Return an entry of the result of `history`."""
    own = record.attributes
    return {
        "id": row_id, "memory_id": record.memory_id, "old_memory": old, "new_memory": new, "event": event,
        "created_at": _iso(record.created_at), "updated_at": _iso(at), "is_deleted": event == "DELETE",
        "actor_id": own.get("actor_id"), "role": own.get("role"),
    }  # fmt: skip


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
