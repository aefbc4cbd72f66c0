"""Changes of records inside one transaction: the row, its audit entry and its place in the log."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from memory.extract import fingerprint_of
from memory.log import Change, append
from memory.record import HIDDEN_STATES, Draft, MemoryState, Record, content_digest, record_from
from memory.record import row_of as new_row
from state.json_values import JsonMapping
from state.memory_item import Origin
from storage.contents import FORGOTTEN, canonical
from storage.engine import insert_new
from storage.prepared import Prepared, insertion
from storage.rows import Cell, RawRow, RowValues
from storage.tables import memories, memory_hidings, memory_links, memory_origins, memory_versions

FEW = 4  # so few ids are asked for one by one: SQLAlchemy's own execution takes longer than that
CHUNK = 400  # ids per query: well below every driver's limit of parameters

_INSERT = insertion(memories)
_INSERT_ORIGIN = insertion(memory_origins)
_ORIGIN = Prepared(select(memories.c.run_id, memories.c.batch).where(memories.c.memory_id == bindparam("memory_id")))


@dataclass(frozen=True, slots=True)
class Moment:
    """The batch of a learning run that a change of state belongs to; empty outside of a run."""

    run_id: str = ""
    batch: int = 0


OUTSIDE = Moment()


class Writer:
    """Changes by one actor inside one transaction."""

    def __init__(self, connection: Connection, *, actor: str, now: float) -> None:
        self.connection = connection
        self.actor = actor
        self.now = now
        self.added: set[str] = set()  # ids that are new in this transaction

    def add(self, drafts: Sequence[Draft]) -> int:
        """Insert what is new and return how much that is; note of the rest which learning run brought it about, too."""
        by_id = {draft.memory_id: draft for draft in drafts}
        known = self._origins(list(by_id))
        new = [draft for memory_id, draft in by_id.items() if memory_id not in known]
        sequences = self.log(Change(memory_id=draft.memory_id, event="add", after=draft.digest) for draft in new)
        rows = [
            {**new_row(draft, self.now), "seq": seq, "changed_seq": seq}
            for draft, seq in zip(new, sequences, strict=True)
        ]
        if rows:
            _INSERT(self.connection, rows)
        for memory_id, origin in known.items():
            self._note_origin(memory_id, origin, by_id[memory_id].origin)
        self.added.update(draft.memory_id for draft in new)
        return len(new)

    def adopt(self, memory_ids: Sequence[str], run_id: str, batch: int) -> None:
        """Note that a learning run brought memories about as well; those that are not there any more are left out."""
        now: Origin = {"run_id": run_id, "batch": batch, "episode_id": ""}
        for memory_id, first in self._origins(memory_ids).items():
            self._note_origin(memory_id, first, now)

    def read(self, memory_ids: Sequence[str]) -> dict[str, Record]:
        """Return those of the memories that exist, as they are inside this transaction."""
        return records_by_id(self.connection, memory_ids)

    def replace(self, record: Record, *, text: str, code: str = "", attributes: JsonMapping | None = None) -> None:
        """Give a memory another text; the old one becomes an earlier version."""
        old = {"text": record.text, "code": record.code, "attributes": canonical(dict(record.attributes))}
        row = {"memory_id": record.memory_id, "version": record.version, **old, "replaced_at": self.now}
        self.connection.execute(insert(memory_versions).values(row))
        digest = content_digest(text, code)
        kept = record.attributes if attributes is None else attributes
        self._change(
            Change(memory_id=record.memory_id, event="update", before=record.digest, after=digest),
            {
                "text": text, "code": code, "attributes": canonical(dict(kept)), "digest": digest,
                "fingerprint": fingerprint_of(text, code), "version": record.version + 1,
            },
        )  # fmt: skip

    def redact(self, record: Record, clean: Callable[[str], str], *, instead: str = FORGOTTEN) -> None:
        """Take texts out of a memory; unlike `replace` it keeps no earlier version.

        instead: its text when there is nothing left of it.
        """
        text, code = clean(record.text), clean(record.code)
        text = instead if text.strip() == FORGOTTEN else text
        digest = content_digest(text, code)
        self._change(
            Change(memory_id=record.memory_id, event="update", before=record.digest, after=digest, cause="redacted"),
            {
                "text": text, "code": code, "attributes": clean(canonical(dict(record.attributes))),
                "cause": clean(record.cause), "signature": clean(record.signature), "digest": digest,
                "fingerprint": fingerprint_of(text, code), "version": record.version + 1,
            },
        )  # fmt: skip

    def move(
        self, record: Record, state: MemoryState, *, cause: str, moment: Moment = OUTSIDE, superseded_by: str = ""
    ) -> None:
        """Put a memory into another state; nothing happens when it is there already.

        What one learning run has hidden stays in sight of others, until they hide it as well.
        """
        if moment.run_id and record.state in HIDDEN_STATES:
            self._hide_further(record, state, cause=cause, moment=moment)
            return
        if record.state == state:
            return
        detail = {"from": record.state, "to": state, "by": superseded_by}
        change = Change(
            memory_id=record.memory_id, event="supersede" if superseded_by else "state", cause=cause,
            before=record.digest, after=record.digest, detail=detail,
        )  # fmt: skip
        was_hidden, hidden = record.state in HIDDEN_STATES, state in HIDDEN_STATES
        values: dict[str, Cell] = {"state": state, "superseded_by": superseded_by or record.superseded_by}
        if hidden != was_hidden:
            by = moment if hidden else OUTSIDE
            values |= {"hidden_run": by.run_id, "hidden_batch": by.batch, "hidden_seq": 0}
        if superseded_by:
            values["valid_to"] = self.now
        self._change(change, values, hides=hidden and not was_hidden)

    def _hide_further(self, record: Record, state: MemoryState, *, cause: str, moment: Moment) -> None:
        if state not in HIDDEN_STATES or record.hidden_run == moment.run_id:
            return
        row = {"memory_id": record.memory_id, "run_id": moment.run_id, "batch": moment.batch}
        if insert_new(self.connection, memory_hidings, [row]):
            detail = {"from": record.state, "to": state, "run": moment.run_id}
            change = Change(memory_id=record.memory_id, event="hide", cause=cause, detail=detail)
            self._change(change, {}, touches=False)

    def merge(self, memory_id: str, digest: str, *, cause: str) -> None:
        """Note that a memory was said once more."""
        change = Change(memory_id=memory_id, event="merge", before=digest, after=digest, cause=cause)
        self._change(change, {"sightings": memories.c.sightings + 1})

    def expire(self, record: Record, expires_at: float | None) -> None:
        """Set when a memory expires; None: never."""
        if record.expires_at != expires_at:
            detail = {"expires_at": expires_at}
            change = Change(memory_id=record.memory_id, event="state", before=record.digest, detail=detail)
            self._change(change, {"expires_at": expires_at}, touches=False)

    def link(self, source: str, relation: str, targets: Sequence[str]) -> None:
        """Note that one memory summarises or supersedes others."""
        rows = [{"source": source, "relation": relation, "target": target} for target in targets]
        self.connection.execute(insert(memory_links), rows)

    def _origins(self, memory_ids: Sequence[str]) -> dict[str, Origin]:
        if len(memory_ids) <= FEW:  # the loop's case, at the driver's speed
            found: dict[str, RawRow | None] = {
                m: _ORIGIN(self.connection, {"memory_id": m}).first() for m in memory_ids
            }
            return {m: {"run_id": row[0], "batch": row[1], "episode_id": ""} for m, row in found.items() if row}
        return {memory_id: record.origin for memory_id, record in records_by_id(self.connection, memory_ids).items()}

    def _note_origin(self, memory_id: str, first: Origin, now: Origin) -> None:
        """Make a memory that another run brought about as well visible to that run, too."""
        if not now["run_id"] or now["run_id"] == first["run_id"]:
            return
        c = memory_origins.c
        known = select(c.run_id).where(c.memory_id == memory_id, c.run_id == now["run_id"])
        if self.connection.execute(known).first() is None:
            # what the memory says of itself stays as it is: the other run's record of it does not change
            row = {"memory_id": memory_id, "run_id": now["run_id"], "batch": now["batch"]}
            _INSERT_ORIGIN(self.connection, row)
            seen = Change(memory_id=memory_id, event="seen", detail={"run": now["run_id"]})
            self._change(seen, {}, touches=False)

    def _change(self, change: Change, values: RowValues, *, hides: bool = False, touches: bool = True) -> None:
        (seq,) = self.log([change])
        values = {**values, "changed_seq": seq} | ({"updated_at": self.now} if touches else {})
        if hides:
            values["hidden_seq"] = seq
        self.connection.execute(update(memories).where(memories.c.memory_id == change.memory_id).values(**values))

    def log(self, changes: Iterable[Change]) -> list[int]:
        """Append to the audit trail; return the sequences."""
        return append(self.connection, list(changes), actor=self.actor, at=self.now)


def records_by_id(connection: Connection, memory_ids: Sequence[str]) -> dict[str, Record]:
    """Return those of the memories that exist."""
    found = {}
    for start in range(0, len(memory_ids), CHUNK):
        query = select(memories).where(memories.c.memory_id.in_(memory_ids[start : start + CHUNK]))
        for row in connection.execute(query).mappings():
            found[row["memory_id"]] = record_from(dict(row))
    return found
