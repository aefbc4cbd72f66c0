"""Adding with care: validate, extract, merge duplicates, let newer facts supersede older ones, store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Select, select

from memory.extract import fingerprint_of, slot_of, statements
from memory.record import HIDDEN_STATES, Draft, Record, record_from, validated
from memory.records import DEFAULT_ACTOR, Records
from memory.writer import OUTSIDE, Moment, Writer
from storage.tables import memories

Outcome: TypeAlias = Literal["added", "merged", "superseded", "known"]
Extractor: TypeAlias = Callable[[Draft], Sequence[Draft]]  # a model's structured facts, or the rules below


@dataclass(frozen=True, slots=True)
class Remembered:
    """What became of a draft: the memory that holds it now, and the ones that it took the place of."""

    memory_id: str
    outcome: Outcome
    superseded: tuple[str, ...] = ()


class Pipeline:
    """The way of a draft into the memory. One call is one transaction: all of its drafts are stored, or none."""

    def __init__(self, records: Records, *, extractor: Extractor | None = None) -> None:
        self._records = records
        self._extractor = extractor

    def remember(
        self, drafts: Sequence[Draft], *, actor: str = DEFAULT_ACTOR, moment: Moment = OUTSIDE
    ) -> list[Remembered]:
        """Store drafts, or what the extractor makes of them; return what became of each.

        Raises MemoryRefusedError when one is not valid; then nothing is stored.
        """
        extracted = [one for draft in drafts for one in (self._extractor(draft) if self._extractor else [draft])]
        checked = [_with_slot(validated(draft)) for draft in extracted]
        vectors = self._records.embedded(checked)
        with self._records.changing(actor=actor) as writer:
            outcomes = [_remember(writer, draft, moment) for draft in checked]
            self._records.store_vectors(writer, checked, vectors)
            return outcomes


def by_sentences(draft: Draft) -> list[Draft]:
    """Return one draft per statement of a text: the extractor without a model."""
    found = statements(draft.text) or [draft.text]
    if len(found) == 1:
        return [replace(draft, text=found[0])]
    return [replace(draft, text=text, cause=f"{draft.cause}#{number}") for number, text in enumerate(found)]


def _with_slot(draft: Draft) -> Draft:
    if draft.slot or draft.kind != "semantic":
        return draft
    speaker = str(draft.attributes.get("speaker") or draft.attributes.get("actor_id") or "")
    return replace(draft, slot=slot_of(draft.text, speaker=speaker))


def _remember(writer: Writer, draft: Draft, moment: Moment) -> Remembered:
    same = _same(writer, draft)
    if same is not None and same.memory_id != draft.memory_id:
        writer.merge(same.memory_id, same.digest, cause=draft.memory_id)
        return Remembered(same.memory_id, "merged")
    rivals = _rivals(writer, draft)  # before the draft is one of them
    if writer.add([draft]) == 0:
        return Remembered(draft.memory_id, "known")  # a replay: what it took the place of was archived the first time
    newer = next((one for one in rivals if draft.valid_from is not None and one.valid_from > draft.valid_from), None)
    if newer is not None:  # told later, true earlier: it is history from the start
        (record,) = writer.read([draft.memory_id]).values()
        writer.move(record, "archived", cause=newer.memory_id, moment=moment, superseded_by=newer.memory_id)
        return Remembered(draft.memory_id, "superseded")
    for rival in rivals:
        writer.move(rival, "archived", cause=draft.memory_id, moment=moment, superseded_by=draft.memory_id)
    return Remembered(draft.memory_id, "added", tuple(rival.memory_id for rival in rivals))


def _same(writer: Writer, draft: Draft) -> Record | None:
    """Return the visible memory of the same scope, kind and speaker that says the same."""
    if draft.kind == "episodic":  # what happened twice happened twice
        return None
    c = memories.c
    query = select(memories).where(
        c.fingerprint == fingerprint_of(draft.text, draft.code), c.kind == draft.kind, *_exact_scope(draft)
    )
    for record in _visible(writer, query):
        if record.attributes.get("speaker") == draft.attributes.get("speaker"):
            return record
    return None


def _rivals(writer: Writer, draft: Draft) -> list[Record]:
    """Return the visible memories that give the same thing another value."""
    if not draft.slot:
        return []
    query = select(memories).where(memories.c.slot == draft.slot, *_exact_scope(draft)).order_by(memories.c.seq)
    return [record for record in _visible(writer, query) if record.memory_id != draft.memory_id]


def _visible(writer: Writer, query: Select[Any]) -> list[Record]:
    records = [record_from(dict(row)) for row in writer.connection.execute(query).mappings()]
    return [record for record in records if record.state not in HIDDEN_STATES]


def _exact_scope(draft: Draft) -> list[ColumnElement[bool]]:
    """Return what a row of exactly the draft's scope satisfies: duplicates and conflicts never cross one."""
    return [memories.c[f"{part.name}_scope"] == getattr(draft.scope, part.name) for part in fields(draft.scope)]
