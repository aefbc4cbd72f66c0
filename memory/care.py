"""Tending the memory of a scope: retire what hurts, let fade what is not used, fold likes into summaries."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from memory.clusters import Clustering, clustered
from memory.consolidation import GROUP, Summariser, Summary, in_words, summaries_of
from memory.credit import Shown, uses_of
from memory.embedders import HashedEmbedder
from memory.grouping import LATEST, groups_at, last_round, store_groups
from memory.lifecycle import (
    ARCHIVED_BELOW,
    DECAYED_BELOW,
    KEPT_IMPORTANCE,
    Now,
    Track,
    note_uses,
    retention,
    tracks,
)
from memory.recall import Recall
from memory.record import HIDDEN_STATES, RECIPE, MemoryState, Record, Scope
from memory.records import Records
from memory.writer import Moment, Writer
from storage.tables import memory_log, memory_origins

EVERYTHING = 2**31
KEPT_VERSIONS = 2  # skills that do the same thing
MOST_SKILLS = 1_000  # in sight: a search takes longer with every further one, and finds less that fits

Moves = dict[str, tuple[MemoryState, str]]  # by memory: its new state, and why


@dataclass(frozen=True, slots=True)
class Tended:
    """What one round of care did."""

    states: Mapping[str, int]  # transitions: "active -> decayed" and so on
    summaries: Sequence[str]  # ids of the memories that stand for others now
    groups: int
    stability: float  # share of the memories that stayed in their group, in [0, 1]


@dataclass(frozen=True, slots=True)
class Care:
    """One round of care over what is in sight, step by step.

    Every step is one transaction, and repeating it changes nothing more. Inside a learning run, `now` names the batch
    before which it happens: other runs that are under way see none of the changes.
    """

    records: Records
    recall: Recall
    scope: Scope
    now: Now
    summarise: Summariser = in_words

    def credit(self, new: Sequence[Shown], window: Sequence[Shown]) -> int:
        """Note what the rewards of new episodes say of the memories they were shown; return how many uses that were.

        window: the episodes that they are compared with, themselves included.
        """
        shown = sorted({memory_id for episode in window for memory_id in episode.memory_ids})
        recipes = {one for one, record in self.recall.records(shown).items() if RECIPE in record.attributes}
        uses = uses_of(new, window, recipes)
        note_uses(self.records.home, uses, at=self.records.now(), moment=self.now.moment)
        self.recall.worth.clear()
        return len(uses)

    def retire(self) -> None:
        """Archive what lowers the rewards of the episodes that it is shown to."""
        moves: Moves = {}
        for memory_id, track in self._tracks(self._seen()).items():
            if track.hurts:
                moves[memory_id] = "archived", f"hurts: {track.mean:+.2f} over {len(track.advantages)} uses"
        self._make(moves, "retire")

    def thin(self) -> None:
        """Keep the most useful skills: few that do the same thing, and not too many in all."""
        skills = [record for record in self._seen() if record.kind == "procedural"]
        used = self._tracks(skills)
        moves = _versions(skills, used)
        rest = [record for record in skills if record.memory_id not in moves]
        moves |= _crowded(rest, used, self.now)
        self._make(moves, "thin")

    def decay(self) -> None:
        """Follow the forgetting curve: down when unused, back up at once when used."""
        seen = self._seen()
        used = self._tracks(seen)
        moves: Moves = {}
        for record in seen:
            kept = retention(record, used.get(record.memory_id, Track()), self.now)
            state = _faded(record, kept)
            if state != record.state or state in HIDDEN_STATES:  # hidden by another run, it is in sight of this one
                moves[record.memory_id] = state, f"retention {kept:.3f}"
        self._make(moves, "decay")

    def cluster(self) -> Clustering:
        """Group episodes by what they say, starting from the groups of the round before."""
        moment, sight = self.now.moment, self.now.sight
        seen = [record for record in self._seen() if record.kind == "episodic"]
        with self.records.changing(actor=self.actor("cluster")) as writer:
            number = moment.batch if moment.run_id else last_round(writer.connection, sight) + 1
            clustering = grouped(seen, groups_at(writer.connection, sight, number - 1))
            store_groups(writer.connection, sight, number, clustering.groups)
        return clustering

    def consolidate(self) -> None:
        """Let large groups of episodes stand in one summary each, all but the most important and newest of them."""
        moment = self.now.moment
        with self.records.home.reading() as connection:
            groups = groups_at(connection, self.now.sight, LATEST)
        summaries = summaries_of(self._seen(), groups, self.summarise, moment)
        drafts = [summary.draft for summary in summaries]
        vectors = self.records.embedded(drafts)
        with self.records.changing(actor=self.actor("consolidate")) as writer:
            for summary in summaries:
                _store_summary(writer, summary, moment)
            self.records.store_vectors(writer, drafts, vectors)

    def actor(self, step: str) -> str:
        """Return who a step's changes are written down as: in a run, its care before that batch."""
        sight = self.now.sight
        return f"{step} {sight.run_id}:{sight.batch}" if sight.run_id else step

    def log(self, step: str, since: int) -> "StepLog":
        """Return what a step did, read from the audit trail after a sequence: a repeated step has done the same."""
        c = memory_log.c
        query = select(c.memory_id, c.event, c.detail).where(c.seq > since, c.actor == self.actor(step)).order_by(c.seq)
        found = StepLog()
        with self.records.home.reading() as connection:
            for memory_id, event, text in connection.execute(query):
                detail = json.loads(text)
                if event == "add":
                    found.added.append(memory_id)
                elif "to" in detail:
                    found.states[f"{detail['from']} -> {detail['to']}"] += 1
                    found.to[detail["to"]] += 1
        return found

    def _seen(self) -> list[Record]:
        """Return what is in sight; what several runs brought about, with the origin in this one or its ancestors."""
        found = self.recall.listed(self.scope, sight=self.now.sight, limit=EVERYTHING)
        line, run_id = self.now.sight.line, self.now.sight.run_id
        own: dict[str, int] = {}
        if line:
            c = memory_origins.c
            query = select(c.memory_id, c.run_id, c.batch).where(c.run_id.in_(sorted(line)))
            with self.records.home.reading() as connection:
                places = connection.execute(query).all()
            first = [(one.memory_id, one.origin["run_id"], one.origin["batch"]) for one in found]
            for memory_id, of, batch in [*places, *first]:
                if of in line and batch < line[of]:
                    own[memory_id] = min(batch, own.get(memory_id, batch))
        return [
            replace(one, origin={**one.origin, "run_id": run_id, "batch": own[one.memory_id]})
            if one.memory_id in own
            else one
            for one in found
        ]

    def _tracks(self, seen: Sequence[Record]) -> dict[str, Track]:
        return tracks(self.records.home, [record.memory_id for record in seen], self.now)

    def _make(self, moves: Moves, step: str) -> None:
        with self.records.changing(actor=self.actor(step)) as writer:
            found = writer.read(sorted(moves))  # once more: another run may have moved them since
            for memory_id, record in sorted(found.items()):
                state, cause = moves[memory_id]
                writer.move(record, state, cause=cause, moment=self.now.moment)


@dataclass(frozen=True, slots=True)
class StepLog:
    """What a step of care did."""

    states: Counter[str] = field(default_factory=Counter)  # transitions: "active -> decayed"
    to: Counter[MemoryState] = field(default_factory=Counter)  # the same by the new state alone
    added: list[str] = field(default_factory=list)


def tend(
    records: Records, recall: Recall, scope: Scope, *, now: Now | None = None, summarise: Summariser | None = None
) -> Tended:
    """Do one round of care outside of a graph; a round that is repeated changes nothing more.

    now: what is in sight, and the time; None: everything, and the clock's.
    """
    since = recall.last()
    care = Care(records, recall, scope, now or Now(records.now()), summarise or in_words)
    care.retire()
    care.thin()
    care.decay()
    clustering = care.cluster()
    care.consolidate()
    logs = [care.log(step, since) for step in ("retire", "thin", "decay", "consolidate")]
    states = sum((log.states for log in logs), Counter[str]())
    return Tended(states, logs[-1].added, len(clustering.members()), clustering.stability)


def grouped(records: Sequence[Record], before: Mapping[str, str]) -> Clustering:
    """Group memories by what they say, starting from how they were grouped before."""
    vectors = HashedEmbedder(256).embed([record.text for record in records])
    memory_ids = [record.memory_id for record in records]
    return clustered(memory_ids, vectors, {one: before[one] for one in memory_ids if one in before})


def _versions(skills: Sequence[Record], used: Mapping[str, Track]) -> Moves:
    """Return which skills make place for better ones that do the same thing."""
    same: dict[tuple[str, str], list[Record]] = {}
    for record in skills:
        same.setdefault((record.entry_point, record.text), []).append(record)
    moves: Moves = {}
    for found in same.values():
        found.sort(key=lambda r: (-used.get(r.memory_id, Track()).utility, -r.importance, len(r.code), r.memory_id))
        moves |= {r.memory_id: ("archived", f"{KEPT_VERSIONS} better versions") for r in found[KEPT_VERSIONS:]}
    return moves


def _crowded(skills: Sequence[Record], used: Mapping[str, Track], now: Now) -> Moves:
    """Return which skills are too many: those that are remembered worst and have proved least."""

    def worth(record: Record) -> float:
        track = used.get(record.memory_id, Track())
        return retention(record, track, now) + track.utility

    if len(skills) <= MOST_SKILLS:
        return {}
    ranked = sorted(skills, key=lambda record: (-worth(record), -record.importance, record.memory_id))
    return {r.memory_id: ("archived", f"{MOST_SKILLS} better skills") for r in ranked[MOST_SKILLS:]}


def _faded(record: Record, kept: float) -> MemoryState:
    """Return the state that a memory's retention calls for. What a user or an agent said fades, but is not put away."""
    of_a_run = record.origin["run_id"] != ""
    if kept >= DECAYED_BELOW or (
        record.importance >= KEPT_IMPORTANCE and not of_a_run and GROUP not in record.attributes
    ):
        return "active"
    may_go = record.kind == "episodic" or of_a_run
    return "archived" if may_go and kept < ARCHIVED_BELOW else "decayed"


def _store_summary(writer: Writer, summary: Summary, moment: Moment) -> None:
    draft = summary.draft
    if writer.add([draft]):
        writer.link(draft.memory_id, "summarises", summary.members)
    found = writer.read(summary.members)
    for memory_id in summary.members:
        is_older = summary.older is not None and memory_id == summary.older.memory_id
        state: MemoryState = "archived" if is_older else "consolidated"
        successor = draft.memory_id if is_older else ""
        writer.move(found[memory_id], state, cause=draft.memory_id, moment=moment, superseded_by=successor)
