"""What optimisations leave behind: steps for reports, proposals that were paid for."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, TypedDict

from sqlalchemy import bindparam, select

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


class Refused(TypedDict):
    """A child that was tried in vain."""

    iteration: int
    parent: int  # index in the pool
    child: str  # prompt set


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
        self._refused: dict[str, dict[int, Refused]] = {}

    def note(self, optimisation: str, iteration: int, kind: StepKind, record: dict[str, Any]) -> None:
        """Keep what happened in an iteration."""
        row = {"optimisation": optimisation, "iteration": iteration, "kind": kind, "record": canonical(record)}
        with self._home.writing() as connection:
            insert_new(connection, optimisation_steps, [row])
        if optimisation in self._refused:
            self._refused[optimisation] |= _refused([(iteration, kind, record)])

    def refused(self, optimisation: str, before: int) -> list[Refused]:
        """Return the children that were tried in vain before an iteration, in order; read once, then kept at hand."""
        if optimisation not in self._refused:
            self._refused[optimisation] = _refused(self.steps(optimisation))
        return [one for number, one in sorted(self._refused[optimisation].items()) if number < before]

    def steps(self, optimisation: str) -> list[tuple[int, StepKind, dict[str, Any]]]:
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


def _refused(steps: Iterable[tuple[int, StepKind, Mapping[str, Any]]]) -> dict[int, Refused]:
    return {
        number: {"iteration": number, "parent": record["parent"], "child": record["child"]}
        for number, kind, record in steps
        if kind == "iteration" and record["decision"] == "reject"
    }
