"""Tending the memory of a scope: retire what hurts, let fade what is not used, fold likes into summaries."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import delete, select

from memory.clusters import Clustering, clustered
from memory.embedders import HashedEmbedder
from memory.index import Sight
from memory.lifecycle import ARCHIVED_BELOW, DECAYED_BELOW, KEPT_IMPORTANCE, Track, retention, tracks
from memory.recall import Recall
from memory.record import Draft, MemoryState, Record, Scope
from memory.records import Records
from memory.words import terms_of
from memory.writer import OUTSIDE, Moment, Writer
from state.memory_item import Origin
from storage.contents import digest_of
from storage.engine import Home
from storage.tables import memory_groups

EVERYTHING = 2**31
ACTOR = "tend_memory"
KEPT_OF_GROUP = 5  # episodic memories of a group that stay when the others are folded into a summary
FOLDS_FROM = 15  # episodic memories in a group from which it is folded
KEPT_VERSIONS = 2  # skills that do the same thing

Summariser = Callable[[Sequence[Record]], str]  # a model's, or `in_words` below


@dataclass(frozen=True, slots=True)
class Tended:
    """What one round of care did."""

    states: Mapping[str, int]  # transitions: "active -> decayed" and so on
    summaries: Sequence[str]  # ids of the memories that stand for others now
    groups: int
    stability: float  # share of the memories that stayed in their group, in [0, 1]


@dataclass(slots=True)
class _Plan:
    """Transitions to make, each with its cause; one memory makes at most one per round."""

    moves: dict[str, tuple[MemoryState, str]] = field(default_factory=dict)

    def move(self, record: Record, state: MemoryState, cause: str) -> None:
        """Plan a transition, unless another one is planned or the memory is there already."""
        if record.state != state:
            self.moves.setdefault(record.memory_id, (state, cause))


@dataclass(frozen=True, slots=True)
class _Summary:
    draft: Draft
    members: Sequence[str]
    older: Record | None  # the group's last summary, whose place it takes


def tend(
    records: Records,
    recall: Recall,
    scope: Scope,
    *,
    sight: Sight = Sight(),  # noqa: B008  frozen
    moment: Moment = OUTSIDE,
    summarise: Summariser | None = None,
) -> Tended:
    """Do one round of care over what is in sight; a round that is repeated changes nothing more.

    Inside a learning run `sight` and `moment` name its batch: other runs that are under way see none of the changes.
    """
    now = records.now()
    seen = recall.listed(scope, sight=sight, limit=EVERYTHING)
    used = tracks(records.home, [record.memory_id for record in seen])
    plan = _Plan()
    _retire(plan, seen, used)
    _drop_versions(plan, seen, used)
    _fade(plan, seen, used, now)
    clustering = grouped(records.home, [record for record in seen if record.kind == "episodic"])
    summaries = _fold(plan, seen, clustering, summarise or in_words)
    by_id = {record.memory_id: record for record in seen}
    with records.changing(actor=ACTOR) as writer:
        for memory_id, (state, cause) in sorted(plan.moves.items()):
            writer.move(by_id[memory_id], state, cause=cause, moment=moment)
        for summary in summaries:
            _store_summary(writer, summary, moment)
        _store_groups(writer, clustering.groups)
    states = Counter(f"{by_id[memory_id].state} -> {state}" for memory_id, (state, _) in plan.moves.items())
    return Tended(states, [one.draft.memory_id for one in summaries], len(clustering.members()), clustering.stability)


def grouped(home: Home, records: Sequence[Record]) -> Clustering:
    """Group memories by what they say, starting from the groups of the last round."""
    vectors = HashedEmbedder(256).embed([record.text for record in records])
    memory_ids = [record.memory_id for record in records]
    with home.reading() as connection:
        rows = connection.execute(select(memory_groups.c.memory_id, memory_groups.c.group_id))
        known = {row[0]: row[1] for row in rows}
    return clustered(memory_ids, vectors, {one: known[one] for one in memory_ids if one in known})


def in_words(records: Sequence[Record]) -> str:
    """Summarise memories without a model: how many, what they share, and the one that is most like all of them."""
    counts = Counter(term for record in records for term in set(terms_of(record.text)))
    shared = [
        term for term, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count > len(records) / 2
    ]
    typical = max(records, key=lambda record: (sum(counts[t] for t in set(terms_of(record.text))), record.memory_id))
    return f"{len(records)} memories about {', '.join(shared[:12])}. For instance: {typical.text}"


def _retire(plan: _Plan, seen: Sequence[Record], used: Mapping[str, Track]) -> None:
    """Archive what lowers the rewards of the episodes that it is shown to."""
    for record in seen:
        track = used.get(record.memory_id)
        if track is not None and track.hurts:
            plan.move(record, "archived", f"hurts: {track.mean:+.2f} over {len(track.advantages)} uses")


def _drop_versions(plan: _Plan, seen: Sequence[Record], used: Mapping[str, Track]) -> None:
    """Of skills that do the same thing keep the most useful ones."""
    same: dict[tuple[str, str], list[Record]] = {}
    for record in seen:
        if record.kind == "procedural":
            same.setdefault((record.entry_point, record.text), []).append(record)
    for skills in same.values():
        skills.sort(key=lambda r: (-used.get(r.memory_id, Track()).utility, -r.importance, len(r.code), r.memory_id))
        for record in skills[KEPT_VERSIONS:]:
            plan.move(record, "archived", f"{KEPT_VERSIONS} better versions")


def _fade(plan: _Plan, seen: Sequence[Record], used: Mapping[str, Track], now: float) -> None:
    """Follow the forgetting curve: down when unused, back up at once when used."""
    for record in seen:
        kept = retention(record, used.get(record.memory_id, Track()), now)
        if kept < ARCHIVED_BELOW and record.state == "decayed" and record.kind == "episodic":
            plan.move(record, "archived", f"retention {kept:.3f}")
        elif kept < DECAYED_BELOW and record.importance < KEPT_IMPORTANCE:
            plan.move(record, "decayed", f"retention {kept:.3f}")
        elif record.state == "decayed":
            plan.move(record, "active", f"retention {kept:.3f}")


def _fold(plan: _Plan, seen: Sequence[Record], clustering: Clustering, summarise: Summariser) -> list[_Summary]:
    """Let large groups of episodes stand in a summary, all but the most important and newest of them.

    A group has one summary: a newer one takes the place of the older and counts its memories in.
    """
    by_id = {record.memory_id: record for record in seen}
    older = {record.attributes["group"]: record for record in seen if "group" in record.attributes}
    summaries = []
    for name, memory_ids in sorted(clustering.members().items()):
        members = [by_id[one] for one in memory_ids if one not in plan.moves or plan.moves[one][0] == "decayed"]
        if len(members) < FOLDS_FROM:
            continue
        members.sort(key=lambda record: (-record.importance, -record.origin["batch"], record.memory_id))
        folded = sorted(members[KEPT_OF_GROUP:], key=lambda record: record.memory_id)
        summaries.append(_summary(name, folded, older.get(name), summarise))
        for record in folded:
            plan.moves[record.memory_id] = "consolidated", summaries[-1].draft.memory_id
    return summaries


def _summary(group: str, folded: Sequence[Record], older: Record | None, summarise: Summariser) -> _Summary:
    members = [record.memory_id for record in folded] + ([older.memory_id] if older else [])
    count = len(folded) + (older.attributes["count"] if older else 0)
    draft = Draft(
        text=summarise(folded), cause=digest_of("\n".join(members)), scope=folded[0].scope, kind="semantic",
        importance=max(record.importance for record in folded), attributes={"group": group, "count": count},
    )  # fmt: skip
    return _Summary(draft, members, older)


def _store_summary(writer: Writer, summary: _Summary, moment: Moment) -> None:
    origin: Origin = {"run_id": moment.run_id, "batch": moment.batch, "episode_id": ""}
    draft = replace(summary.draft, origin=origin)
    if writer.add([draft]):
        writer.link(draft.memory_id, "summarises", summary.members)
    if summary.older is not None:
        writer.move(summary.older, "archived", cause=draft.memory_id, moment=moment, superseded_by=draft.memory_id)


def _store_groups(writer: Writer, groups: Mapping[str, str]) -> None:
    c = memory_groups.c
    names = sorted(groups)
    for start in range(0, len(names), 400):
        part = names[start : start + 400]
        writer.connection.execute(delete(memory_groups).where(c.memory_id.in_(part)))
        rows = [{"memory_id": one, "group_id": groups[one]} for one in part]
        writer.connection.execute(memory_groups.insert(), rows)
