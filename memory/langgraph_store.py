"""LangGraph's `BaseStore` over the memory: any LangGraph agent, and LangMem, can keep its items here.

An item is a semantic memory of the scope project=langgraph-store, with an audit trail like every other. Without an
index configuration a query is answered by the default engines; with one, by the cosine of the given embeddings, one
vector per indexed field, as LangGraph's own stores do.
"""

import asyncio
import operator
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    ensure_embeddings,
    get_text_at_path,
    tokenize_path,
    validate_op_namespace,
)

from memory.embedders import LangChainEmbedder
from memory.fields import FieldVectors
from memory.filters import Condition, Group
from memory.forget import erase
from memory.index import Sight
from memory.recall import Recall, Search
from memory.record import Draft, Record, Scope
from memory.records import Records
from memory.writer import Writer
from state.json_values import JsonMapping, JsonObject, JsonValue
from storage.contents import canonical
from storage.engine import Home

STORE_SCOPE = Scope(project="langgraph-store")
ACTOR = "langgraph"
ALL = 2**31
_MINUTE_S = 60.0


class RatchetStore(BaseStore):
    """Items by namespace and key: persistent, searchable, with a time to live. Threads and processes may share it."""

    supports_ttl = True

    def __init__(
        self,
        home: Home,
        *,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ttl_config = ttl
        self.index_config = index
        self._refreshes = bool(ttl and ttl.get("refresh_on_read"))
        self._now = now
        self._records = Records(home, now=now)
        self._recall = Recall(home, now=now)
        own: JsonMapping = {**(index or {})}
        self._paths = own.get("fields") or own.get("text_fields") or ["$"]  # the latter: as SqliteStore calls it
        self.embeddings = ensure_embeddings(index["embed"]) if index else None
        self._vectors = FieldVectors(home, LangChainEmbedder(self.embeddings)) if self.embeddings else None
        self._sweeper: threading.Thread | None = None
        self._stop_sweeping = threading.Event()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations: reads see what was there before the batch, then all writes happen in one transaction."""
        given = list(ops)
        for op in given:
            validate_op_namespace(op)
        results = [self._read(op) for op in given]
        puts = {(op.namespace, op.key): op for op in given if isinstance(op, PutOp)}
        if puts:
            self._write(list(puts.values()))
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations in a thread: the protocol asks for this method."""
        return await asyncio.to_thread(self.batch, list(ops))

    def sweep_ttl(self) -> int:
        """Delete what has expired and return how much that was; expired items are invisible even before."""
        now = self._now()
        old = [record for record in self._all() if record.expires_at is not None and record.expires_at <= now]
        with self._records.changing(actor=ACTOR) as writer:
            erase(writer, {record.memory_id: record for record in old})
        return len(old)

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> None:
        """Sweep again and again in the background; the interval is the configuration's or five minutes."""
        configured = (self.ttl_config or {}).get("sweep_interval_minutes")
        interval_s = (sweep_interval_minutes or configured or 5.0) * _MINUTE_S
        if self._sweeper is None:
            self._sweeper = threading.Thread(target=self._sweep, args=(interval_s,), daemon=True)
            self._sweeper.start()

    def stop_ttl_sweeper(self) -> None:
        """End the sweeping, after the round that is under way."""
        if self._sweeper is not None:
            self._stop_sweeping.set()
            self._sweeper.join()
            self._sweeper = None
            self._stop_sweeping.clear()

    def _sweep(self, interval_s: float) -> None:
        while not self._stop_sweeping.wait(interval_s):
            self.sweep_ttl()

    def close(self) -> None:
        """End the sweeping and give back the connection that follows the log."""
        self.stop_ttl_sweeper()
        self._recall.close()

    def _read(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            return self._get(op)
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(op)
        if isinstance(op, PutOp):
            return None
        raise ValueError(f"unknown operation {type(op).__name__}")

    def _get(self, op: GetOp) -> Item | None:
        memory_id = draft_of(op.namespace, op.key, {}, "-").memory_id
        record = self._recall.records([memory_id]).get(memory_id)
        if record is None or (record.expires_at is not None and record.expires_at <= self._now()):
            return None
        if op.refresh_ttl and self._refreshes:
            self._refresh([record])
        return Item(**_fields(record))

    def _search(self, op: SearchOp) -> list[SearchItem]:
        if not op.query:
            records = self._recall.listed(
                STORE_SCOPE, sight=Sight(), filters=_wanted(op), limit=op.limit, offset=op.offset
            )
            found: list[tuple[Record, float | None]] = [(record, None) for record in records]
        else:
            found = self._ranked(op, op.query)[op.offset : op.offset + op.limit]
        if op.refresh_ttl and self._refreshes:
            self._refresh([record for record, _ in found])
        return [SearchItem(**_fields(record), score=score) for record, score in found]

    def _ranked(self, op: SearchOp, query: str) -> list[tuple[Record, float | None]]:
        """Return every item of the namespace: those that the query finds first, the others without a score."""
        records = self._recall.listed(STORE_SCOPE, sight=Sight(), filters=_wanted(op), limit=ALL)
        if self._vectors is not None:
            scores = self._vectors.scores(query, [record.memory_id for record in records])
        else:
            search = Search(text=query, scope=STORE_SCOPE, filters=_wanted(op), limit=op.offset + op.limit)
            scores = {hit.record.memory_id: hit.score for hit in self._recall.search(search)}
        ranked = [(record, scores.get(record.memory_id)) for record in records]
        return sorted(ranked, key=lambda item: (item[1] is None, -(item[1] or 0.0)))

    def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        found = {tuple(record.attributes["namespace"]) for record in self._all()}
        matching = {one for one in found if all(_fits(condition, one) for condition in op.match_conditions or ())}
        if op.max_depth is not None:
            matching = {one[: op.max_depth] for one in matching}
        return sorted(matching)[op.offset : op.offset + op.limit]

    def _all(self) -> list[Record]:
        return self._recall.listed(STORE_SCOPE, sight=Sight(expired=True), limit=ALL)

    def _write(self, puts: Sequence[PutOp]) -> None:
        texts = {(op.namespace, op.key): self._texts(op) for op in puts if op.value is not None}
        drafts = {key: draft_of(*key, {}, "-") for key in ((op.namespace, op.key) for op in puts)}
        vectors = (
            self._vectors.embedded({drafts[key].memory_id: found for key, found in texts.items()})
            if self._vectors
            else None
        )
        with self._records.changing(actor=ACTOR) as writer:
            known = writer.read([draft.memory_id for draft in drafts.values()])
            for op in puts:
                self._put(writer, op, known, "\n".join(texts.get((op.namespace, op.key), {}).values()))
            if self._vectors is not None and vectors is not None:
                self._vectors.store(writer.connection, vectors)

    def _put(self, writer: Writer, op: PutOp, known: Mapping[str, Record], text: str) -> None:
        memory_id = draft_of(op.namespace, op.key, {}, "-").memory_id
        record = known.get(memory_id)
        if op.value is None:
            erase(writer, {memory_id: record} if record else {})
            return
        expires_at = None if op.ttl is None else self._now() + op.ttl * _MINUTE_S
        draft = draft_of(op.namespace, op.key, op.value, text or op.key, ttl=op.ttl, expires_at=expires_at)
        if record is None:
            writer.add([draft])
        else:
            writer.replace(record, text=draft.text, attributes=draft.attributes)
            writer.expire(record, expires_at)

    def _texts(self, op: PutOp) -> dict[str, str]:
        """Return the texts that an item is searched by, by the path of their field."""
        if op.index is False or op.value is None:
            return {}
        found: dict[str, str] = {}
        for path in self._paths if op.index is None else op.index:
            texts = get_text_at_path(op.value, path if path == "$" else tokenize_path(path))
            found.update({f"{path}.{number}": one for number, one in enumerate(texts)})
        return found

    def _refresh(self, records: Sequence[Record]) -> None:
        """Start the time to live anew for what was read."""
        living = [record for record in records if record.attributes.get("ttl") is not None]
        if living:
            with self._records.changing(actor=ACTOR) as writer:
                for record in living:
                    writer.expire(record, self._now() + record.attributes["ttl"] * _MINUTE_S)


def draft_of(
    namespace: tuple[str, ...], key: str, value: JsonMapping, text: str, *,
    ttl: float | None = None, expires_at: float | None = None,
) -> Draft:  # fmt: skip
    """Return an item as a draft; namespace and key make the id."""
    labels = {f"label{depth}": label for depth, label in enumerate(namespace)}
    attributes = {"namespace": list(namespace), "key": key, "value": dict(value), "ttl": ttl, **labels}
    cause = canonical([list(namespace), key])
    return Draft(text=text, cause=cause, scope=STORE_SCOPE, attributes=attributes, expires_at=expires_at)


def _fields(record: Record) -> JsonObject:
    return {
        "namespace": tuple(record.attributes["namespace"]),
        "key": record.attributes["key"],
        "value": record.attributes["value"],
        "created_at": datetime.fromtimestamp(record.created_at, UTC),
        "updated_at": datetime.fromtimestamp(record.updated_at, UTC),
    }


def _wanted(op: SearchOp) -> Group:
    """Return a namespace prefix and a filter on values as a filter of the memory."""
    labels = [_label(depth, label) for depth, label in enumerate(op.namespace_prefix)]
    wanted = op.filter or {}
    passes = Condition("value", lambda value: all(_matches(_at(value, k), v) for k, v in wanted.items()), missing=False)
    return Group([*labels, passes] if wanted else labels)


def _at(value: JsonMapping, key: str) -> JsonValue:
    """Return a field, or one inside it by a dotted path."""
    if key in value or "." not in key:
        return value.get(key)
    first, rest = key.split(".", 1)
    inner = value.get(first)
    return _at(inner, rest) if isinstance(inner, Mapping) else None


def _label(depth: int, label: str) -> Condition:
    return Condition(f"label{depth}", lambda value: value == label, missing=False)


def _fits(condition: MatchCondition, namespace: tuple[str, ...]) -> bool:
    path = tuple(condition.path)
    if len(namespace) < len(path):
        return False
    if condition.match_type not in ("prefix", "suffix"):
        raise ValueError(f"no match type {condition.match_type!r}; have: prefix, suffix")
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in ("*", label) for wanted, label in zip(path, part, strict=True))


def _matches(value: JsonValue, wanted: JsonValue) -> bool:
    """Compare as LangGraph's stores do: objects field by field, lists item by item, `$gt` and so on as numbers."""
    if isinstance(wanted, Mapping):
        if any(str(name).startswith("$") for name in wanted):
            return all(_compares(value, name, operand) for name, operand in wanted.items())
        return isinstance(value, Mapping) and all(_matches(value.get(name), one) for name, one in wanted.items())
    if isinstance(wanted, list | tuple):
        alike = isinstance(value, list | tuple) and len(value) == len(wanted)
        return alike and all(_matches(one, other) for one, other in zip(value, wanted, strict=True))
    return bool(value == wanted)


def _compares(value: JsonValue, name: str, operand: JsonValue) -> bool:
    if name in ("$eq", "$ne"):
        return bool(value == operand) == (name == "$eq")
    if name not in _ORDERS:
        raise ValueError(f"no filter operator {name!r}; have: $eq, $ne, {', '.join(_ORDERS)}")
    return value is not None and bool(_ORDERS[name](float(value), float(operand)))


_ORDERS = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}
