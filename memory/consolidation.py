"""Large groups of episodes stand in one summary, which links its members."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from memory.record import Draft, Record
from memory.words import terms_of
from memory.writer import Moment
from state.memory_item import Origin
from storage.contents import digest_of

KEPT_OF_GROUP = 5  # episodic memories of a group that stay when the others are folded into a summary
FOLDS_FROM = 15  # episodic memories in a group from which it is folded
GROUP = "group"  # attribute of a summary: the group that it stands for

Summariser = Callable[[Sequence[Record]], str]  # a model's, or `in_words` below


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary to be written."""

    draft: Draft
    folded: Sequence[Record]  # out of sight from here on
    older: Record | None  # the group's last summary, whose place it takes

    @property
    def members(self) -> list[str]:
        """Return the ids of what it stands for."""
        return [record.memory_id for record in self.folded] + ([self.older.memory_id] if self.older else [])


def summaries_of(
    seen: Sequence[Record], groups: Mapping[str, str], summarise: Summariser, moment: Moment
) -> list[Summary]:
    """Return the summaries that are due: of all but the most important and newest memories of every large group.

    A group has one summary: a newer one takes the place of the older and counts its memories in.
    """
    older = {record.attributes[GROUP]: record for record in seen if GROUP in record.attributes}
    members: dict[str, list[Record]] = {}
    for record in seen:
        if record.memory_id in groups:
            members.setdefault(groups[record.memory_id], []).append(record)
    summaries = []
    for name, records in sorted(members.items()):
        if len(records) >= FOLDS_FROM:
            records.sort(key=lambda record: (-record.importance, -record.origin["batch"], record.memory_id))
            folded = sorted(records[KEPT_OF_GROUP:], key=lambda record: record.memory_id)
            summaries.append(_summary(name, folded, older.get(name), summarise(folded), moment))
    return summaries


def in_words(records: Sequence[Record]) -> str:
    """Summarise memories without a model: how many, what they share, and the one that is most like all of them."""
    terms = {record.memory_id: set(terms_of(record.text)) for record in records}
    counts = Counter(term for found in terms.values() for term in found)
    shared = [
        term for term, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count > len(records) / 2
    ]
    typical = max(records, key=lambda record: (sum(counts[t] for t in terms[record.memory_id]), record.memory_id))
    return f"{len(records)} memories about {', '.join(shared[:12])}. For instance: {typical.text}"


def _summary(name: str, folded: Sequence[Record], older: Record | None, text: str, moment: Moment) -> Summary:
    members = [record.memory_id for record in folded] + ([older.memory_id] if older else [])
    count = len(folded) + (older.attributes["count"] if older else 0)
    origin: Origin = {"run_id": moment.run_id, "batch": moment.batch, "episode_id": ""}
    draft = Draft(
        text=text, cause=digest_of("\n".join(members)), scope=folded[0].scope, kind="semantic", origin=origin,
        importance=max(record.importance for record in folded), attributes={GROUP: name, "count": count},
    )  # fmt: skip
    return Summary(draft, folded, older)
