"""Groups of like memories, which form, merge and split as memories come and go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.embedders import Vectors

JOINS_FROM = 0.5  # cosine with a group's centre from which a memory joins it
MERGES_FROM = 0.8  # cosine of two centres from which their groups are one
SPLITS_BELOW = 0.75  # mean cosine with the centre under which a group is split, where that helps
LEAST_GAIN = 0.1  # by how much both halves must be tighter than the whole
LEAST_SPLIT = 6  # smaller groups are not split
_SPLIT_STEPS = 8


@dataclass(frozen=True, slots=True)
class Clustering:
    """Which memory is in which group: names of groups by memory, and how much moved since the last time."""

    groups: Mapping[str, str]
    stability: float  # share of the known memories that stayed in their group, in [0, 1]
    formed: int = 0  # groups that are new, but for those that came of a split
    merged: int = 0
    split: int = 0

    def members(self) -> dict[str, list[str]]:
        """Return the memories of every group, sorted."""
        found: dict[str, list[str]] = {}
        for memory_id, group in sorted(self.groups.items()):
            found.setdefault(group, []).append(memory_id)
        return found


def clustered(memory_ids: Sequence[str], vectors: Vectors, before: Mapping[str, str]) -> Clustering:
    """Group memories by the cosine of their vectors of length 1, starting from how they were grouped before.

    The same memories give the same groups in whatever order they were written: they are taken by id. A group is named
    after the first memory in it. Leader clustering with merging and splitting; every pass is linear in the memories.
    """
    groups = _Groups(vectors)
    order = sorted(range(len(memory_ids)), key=lambda row: memory_ids[row])
    # those with a group first: its centre is to be what it was when new memories are drawn to it
    for row in filter(lambda row: memory_ids[row] in before, order):
        groups.put(before[memory_ids[row]], row)
    for row in filter(lambda row: memory_ids[row] not in before, order):
        groups.put(groups.nearest(row) or memory_ids[row], row)
    merged, split = _merge(groups), _split(groups, memory_ids)
    found = {memory_ids[row]: name for name, members in groups.rows.items() for row in members}
    formed = len(set(found.values()) - set(before.values())) - split
    return Clustering(found, _stability(found, before), max(formed, 0), merged, split)


def _stability(found: Mapping[str, str], before: Mapping[str, str]) -> float:
    """Return the share of known memories that stayed in their group; 1 where none was known."""
    stayed = [found[memory_id] == before[memory_id] for memory_id in found if memory_id in before]
    return sum(stayed) / len(stayed) if stayed else 1.0


class _Groups:
    """Groups of rows with the sums of their vectors, so that a centre costs no pass over the members."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        self.rows: dict[str, list[int]] = {}
        self.names: list[str] = []  # every one there ever was
        self._numbers: dict[str, int] = {}
        self._sums = np.zeros((64, vectors.shape[1]), np.float32)

    def put(self, name: str, row: int) -> None:
        """Add a row to a group, which is made when there is none of that name."""
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        if number == len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        self._sums[number] += self.vectors[row]
        self.rows.setdefault(name, []).append(row)

    def replace(self, name: str, rows: Sequence[int]) -> None:
        """Give a group other members; with none it is gone."""
        if self.rows.pop(name, None) is not None:
            self._sums[self._numbers[name]] = 0
        for row in rows:
            self.put(name, row)

    def nearest(self, row: int) -> str | None:
        """Return the group whose centre is near enough and nearest; ties by age."""
        if not self._numbers:
            return None
        near = self.centres() @ self.vectors[row]
        number = int(np.argmax(near))
        return self.names[number] if near[number] >= JOINS_FROM else None

    def centres(self) -> Vectors:
        """Return the centres in the order of `names`; zeros for groups that are gone."""
        sums = self._sums[: len(self._numbers)]
        lengths = np.sqrt((sums * sums).sum(axis=1, keepdims=True))
        centres: Vectors = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
        return centres


def _merge(groups: _Groups) -> int:
    """Merge groups whose centres are alike, the later name into the earlier; return how many were merged."""
    names, centres = groups.names, groups.centres()
    alike = centres @ centres.T >= MERGES_FROM
    merged = 0
    for one, other in sorted(
        (min(names[i], names[j]), max(names[i], names[j])) for i, j in np.argwhere(np.triu(alike, 1))
    ):
        if one in groups.rows and other in groups.rows:  # an earlier pair may have taken one of them away
            groups.replace(one, [*groups.rows[one], *groups.rows[other]])
            groups.replace(other, [])
            merged += 1
    return merged


def _split(groups: _Groups, memory_ids: Sequence[str]) -> int:
    """Split loose groups in two where that makes them tighter; return how many were split."""
    split = 0
    for name, members in sorted(groups.rows.items()):
        before = _tightness(groups.vectors, members)
        if len(members) < LEAST_SPLIT or before >= SPLITS_BELOW:
            continue
        stays, leaves = _halves(groups.vectors, members)
        if name in {memory_ids[row] for row in leaves}:  # a group is named after one of its members
            stays, leaves = leaves, stays
        if (
            min(len(stays), len(leaves)) < 2
            or min(_tightness(groups.vectors, part) for part in (stays, leaves)) <= before
        ):
            continue
        groups.replace(name, stays)
        groups.replace(min(memory_ids[row] for row in leaves), leaves)
        split += 1
    return split


def _centre(vectors: Vectors, rows: Sequence[int]) -> NDArray[np.float32]:
    total = vectors[list(rows)].sum(axis=0)
    length = float(np.sqrt((total * total).sum()))
    centre: NDArray[np.float32] = total / length if length else total
    return centre


def _tightness(vectors: Vectors, rows: Sequence[int]) -> float:
    return float((vectors[list(rows)] @ _centre(vectors, rows)).mean())


def _halves(vectors: Vectors, rows: Sequence[int]) -> tuple[list[int], list[int]]:
    """Part rows in two by 2-means on the sphere, from the member farthest out and the one farthest from that."""
    members = vectors[list(rows)]
    first = int(np.argmin(members @ _centre(vectors, rows)))
    second = int(np.argmin(members @ members[first]))
    centres = members[[first, second]]
    nearer = np.zeros(len(rows), bool)
    for _ in range(_SPLIT_STEPS):
        nearer = members @ centres[0] >= members @ centres[1]
        if nearer.all() or not nearer.any():
            break
        centres = np.stack([_centre(members, np.flatnonzero(part).tolist()) for part in (nearer, ~nearer)])
    one = [row for row, near in zip(rows, nearer, strict=True) if near]
    return one, [row for row, near in zip(rows, nearer, strict=True) if not near]
