"""What optimisations leave behind: steps for reports, proposals that were paid for."""

import json
from collections import defaultdict
from itertools import islice
from typing import Literal, TypeAlias, TypedDict

from sqlalchemy import bindparam, select

from state.json_values import JsonMapping, JsonObject
from storage.contents import canonical
from storage.engine import Home, insert_new
from storage.prepared import Prepared
from storage.tables import optimisation_steps, proposals

StepKind: TypeAlias = Literal["begin", "iteration", "end"]
_key = proposals.c
_PROPOSAL = Prepared(
    select(proposals).where(
        _key.optimisation == bindparam("run"), _key.iteration == bindparam("number"), _key.proposer == bindparam("who")
    )
)


class Refused:
    """The children that an optimisation tried in vain. Asked of before an iteration, so that a replay sees no more."""

    def __init__(self) -> None:
        self._iterations: set[int] = set()
        self._first: dict[str, int] = {}
        self._of_parent: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)

    def add(self, iteration: int, record: JsonMapping) -> None:
        """Take what was noted of an iteration; they come in order, and what has been taken may come again."""
        if record["decision"] == "reject" and iteration not in self._iterations:
            self._iterations.add(iteration)
            self._first.setdefault(record["child"], iteration)
            self._of_parent[record["parent"]].append((iteration, record["child"]))

    def has(self, child: str, before: int) -> bool:
        """Tell whether this prompt set was tried in vain before an iteration."""
        return self._first.get(child, before) < before

    def children_of(self, parent: int, before: int, most: int) -> list[str]:
        """Return the latest children of a parent (its index in the pool) that were tried before an iteration."""
        newest = (child for iteration, child in reversed(self._of_parent[parent]) if iteration < before)
        return list(islice(newest, most))[::-1]


class ProposalRow(TypedDict):
    """What a proposer said in one iteration."""

    optimisation: str
    iteration: int
    proposer: str
    components: dict[str, str]  # the changed ones; {} when there was no proposal
    merge: list[int]  # both parents and their ancestor, by index in the pool; [] for a child of one parent
    why: str
    failed: int  # 1: it raised, hung or said nothing usable
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    seconds: float


class OptimisationLog:
    """Steps and proposals of one home. Writing the same one twice leaves the first."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._refused: dict[str, Refused] = {}

    def note(self, optimisation: str, iteration: int, kind: StepKind, record: JsonObject) -> None:
        """Keep what happened in an iteration."""
        row = {"optimisation": optimisation, "iteration": iteration, "kind": kind, "record": canonical(record)}
        with self._home.writing() as connection:
            insert_new(connection, optimisation_steps, [row])
        if kind == "iteration" and optimisation in self._refused:
            self._refused[optimisation].add(iteration, record)

    def refused(self, optimisation: str) -> Refused:
        """Return the children that were tried in vain; read once, then kept at hand."""
        if optimisation not in self._refused:
            refused = self._refused[optimisation] = Refused()
            for iteration, kind, record in self.steps(optimisation):
                if kind == "iteration":
                    refused.add(iteration, record)
        return self._refused[optimisation]

    def steps(self, optimisation: str) -> list[tuple[int, StepKind, JsonObject]]:
        """Return everything that was noted, in order."""
        c = optimisation_steps.c
        order = (c.iteration, c.kind.desc())  # "iteration" before "end"
        query = select(c.iteration, c.kind, c.record).where(c.optimisation == optimisation).order_by(*order)
        with self._home.reading() as connection:
            return [(row.iteration, row.kind, json.loads(row.record)) for row in connection.execute(query)]

    def copy(self, source: str, target: str, iteration: int) -> None:
        """Give a fork what happened before and in an iteration of its origin."""
        for number, kind, record in self.steps(source):
            if number <= iteration and kind != "end":
                self.note(target, number, kind, record)

    def proposal(self, optimisation: str, iteration: int, proposer: str) -> ProposalRow | None:
        """Return what a proposer said, if it was asked before."""
        key = {"run": optimisation, "number": iteration, "who": proposer}
        for found in self._home.fetched(_PROPOSAL, key):
            row = dict(zip(proposals.columns.keys(), found, strict=True))
            return ProposalRow(**{**row, **json.loads(row["components"])})  # type: ignore[typeddict-item]
        return None

    def keep_proposal(self, row: ProposalRow) -> None:
        """Keep what a proposer said."""
        with self._home.writing() as connection:
            said = canonical({"components": row["components"], "merge": row["merge"]})
            values = {name: value for name, value in row.items() if name != "merge"}
            insert_new(connection, proposals, [{**values, "components": said}])
