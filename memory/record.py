"""What the memory keeps: scopes, drafts and records."""

import json
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Literal, TypeAlias

from memory.extract import fingerprint_of
from state.errors import RatchetError
from state.json_values import JsonMapping
from state.memory_item import MemoryDraft, MemoryKind, Origin
from storage.contents import canonical, digest_of
from storage.rows import Cell, RowValues

KINDS: tuple[MemoryKind, ...] = ("episodic", "semantic", "procedural")

# active: searched. decayed: searched, but hardly used; the next use makes it active. consolidated: stands in a summary.
# archived: superseded, retired or put away. The last two are out of default searches, not out of the store.
MemoryState: TypeAlias = Literal["active", "decayed", "consolidated", "archived"]
HIDDEN_STATES: frozenset[str] = frozenset({"consolidated", "archived"})

RECIPE = "recipe"  # attribute of a memory that tells how a failure was repaired
NO_ORIGIN: Origin = {"run_id": "", "batch": 0, "episode_id": ""}
NOTHING: JsonMapping = MappingProxyType({})


class MemoryRefusedError(RatchetError, ValueError):
    """What was to be remembered, found or changed is not valid; the message says which field and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Whose memories: a record belongs to one scope, and a search sees records that agree in every field it names.

    "" in a record means the field is not used; in a search that any value will do.
    """

    user: str = ""
    project: str = ""
    agent: str = ""
    run: str = ""

    def __str__(self) -> str:
        named = [f"{part.name}={getattr(self, part.name)}" for part in fields(self) if getattr(self, part.name)]
        return ",".join(named) or "everywhere"

    def named(self) -> dict[str, str]:
        """Return the fields that are used."""
        return {part.name: value for part in fields(self) if (value := getattr(self, part.name))}

    def covers(self, other: "Scope") -> bool:
        """Tell whether a search in this scope sees records of another."""
        return all(getattr(other, name) == value for name, value in self.named().items())


LOOP_SCOPE = Scope(project="default")


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """Something to be remembered. Scope, kind and cause make the id: written twice it is one memory."""

    text: str
    cause: str
    scope: Scope
    kind: MemoryKind = "semantic"
    code: str = ""
    entry_point: str = ""
    signature: str = ""
    importance: float = 0.5  # in [0, 1]
    attributes: JsonMapping = field(default_factory=lambda: NOTHING)  # JSON values: what filters see
    thread: str = ""  # records of one thread, in order, are neighbours
    slot: str = ""  # what the text gives a value: a newer text for the same slot supersedes
    valid_from: float | None = None  # seconds since the epoch; None: when it is stored
    expires_at: float | None = None
    origin: Origin = field(default_factory=lambda: NO_ORIGIN)

    @property
    def memory_id(self) -> str:
        """Return the id that the draft will have."""
        scope = self.scope
        return digest_of("\0".join((scope.user, scope.project, scope.agent, scope.run, self.kind, self.cause)))

    @property
    def digest(self) -> str:
        """Return the digest of what it says."""
        return content_digest(self.text, self.code)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A memory as it is stored. Times are seconds since the epoch."""

    memory_id: str
    seq: int
    changed_seq: int
    kind: MemoryKind
    cause: str
    text: str
    code: str
    entry_point: str
    signature: str
    importance: float
    attributes: JsonMapping
    scope: Scope
    thread: str
    origin: Origin
    digest: str
    version: int
    slot: str
    state: MemoryState
    hidden_run: str  # the learning run that put it out of sight; "" when it is in sight, or nobody's run did
    superseded_by: str
    valid_from: float
    valid_to: float | None
    expires_at: float | None
    sightings: int
    created_at: float
    updated_at: float


_SAME_IN_ROW = tuple(part.name for part in fields(Record) if part.name not in ("attributes", "scope", "origin"))


def content_digest(text: str, code: str) -> str:
    """Return the digest of a text and its code."""
    return digest_of(f"{text}\0{code}")


def draft_from(item: MemoryDraft, scope: Scope) -> Draft:
    """Return the loop's draft in a scope; records of one episode are neighbours."""
    return Draft(
        text=item["text"], cause=item["cause"], scope=scope, kind=item["kind"], code=item["code"],
        entry_point=item["entry_point"], signature=item["signature"], importance=item["importance"],
        thread=item["origin"]["episode_id"], origin=item["origin"],
        attributes={RECIPE: True} if item.get("recipe") else NOTHING,
    )  # fmt: skip


def row_of(draft: Draft, now: float) -> dict[str, Cell]:
    """Return a draft as a new row of `memories`, but for its sequence."""
    return {
        "memory_id": draft.memory_id, "kind": draft.kind, "cause": draft.cause, "text": draft.text, "code": draft.code,
        "entry_point": draft.entry_point, "signature": draft.signature, "importance": draft.importance,
        "attributes": canonical(dict(draft.attributes)), "user_scope": draft.scope.user,
        "project_scope": draft.scope.project, "agent_scope": draft.scope.agent, "run_scope": draft.scope.run,
        "thread": draft.thread, **draft.origin, "digest": draft.digest,
        "fingerprint": fingerprint_of(draft.text, draft.code), "version": 1, "slot": draft.slot,
        "state": "active", "hidden_seq": 0, "hidden_run": "", "hidden_batch": 0, "superseded_by": "",
        "valid_from": now if draft.valid_from is None else draft.valid_from, "valid_to": None,
        "expires_at": draft.expires_at, "sightings": 1, "created_at": now, "updated_at": now,
    }  # fmt: skip


def record_from(row: RowValues) -> Record:
    """Return a row of `memories` as a record."""
    same = {name: row[name] for name in _SAME_IN_ROW}
    scope = Scope(user=row["user_scope"], project=row["project_scope"], agent=row["agent_scope"], run=row["run_scope"])
    origin: Origin = {"run_id": row["run_id"], "batch": row["batch"], "episode_id": row["episode_id"]}
    return Record(**same, attributes=json.loads(row["attributes"]), scope=scope, origin=origin)


def validated(draft: Draft) -> Draft:
    """Return the draft; raises MemoryRefusedError when it cannot be remembered as it is."""
    if not draft.text.strip():
        raise MemoryRefusedError("a memory needs a text: got only white space")
    if draft.kind not in KINDS:
        raise MemoryRefusedError(f"no memory kind {draft.kind!r}; have: {', '.join(KINDS)}")
    if not 0.0 <= draft.importance <= 1.0:
        raise MemoryRefusedError(f"importance is in [0, 1], got {draft.importance}")
    if not draft.scope.named():
        raise MemoryRefusedError("a memory belongs to a scope: name a user, a project, an agent or a run")
    if "\0" in draft.text + draft.code:
        raise MemoryRefusedError("a memory's text cannot hold NUL characters")
    return draft
