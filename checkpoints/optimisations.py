"""What optimisations leave behind: steps for reports, proposals that were paid for."""

import json
from typing import Any, Literal, TypeAlias, TypedDict

from sqlalchemy import select

from storage.contents import canonical
from storage.engine import Home, insert_new
from storage.tables import optimisation_steps, proposals

StepKind: TypeAlias = Literal["begin", "iteration", "end"]


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

    def note(self, optimisation: str, iteration: int, kind: StepKind, record: dict[str, Any]) -> None:
        """Keep what happened in an iteration."""
        row = {"optimisation": optimisation, "iteration": iteration, "kind": kind, "record": canonical(record)}
        with self._home.writing() as connection:
            insert_new(connection, optimisation_steps, [row])

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
        c = proposals.c
        key = (c.optimisation == optimisation) & (c.iteration == iteration) & (c.proposer == proposer)
        with self._home.reading() as connection:
            row = connection.execute(select(proposals).where(key)).mappings().one_or_none()
        return None if row is None else ProposalRow(**{**row, **json.loads(row["components"])})  # type: ignore[typeddict-item]

    def keep_proposal(self, row: ProposalRow) -> None:
        """Keep what a proposer said."""
        with self._home.writing() as connection:
            said = canonical({"components": row["components"], "merge": row["merge"]})
            values = {name: value for name, value in row.items() if name != "merge"}
            insert_new(connection, proposals, [{**values, "components": said}])
