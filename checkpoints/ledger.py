"""The ledger: finished episodes by key, looked up before anything runs; runs and what they used."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, delete, or_, select, update

from state.errors import SetupError
from state.ledger import Failure, FinishedEpisode, RunRow, Trained
from state.periodic import CareCounts
from storage.contents import canonical
from storage.engine import Home, insert_new
from storage.prepared import Prepared
from storage.rows import Cell
from storage.tables import care_rounds, episodes, failures, forks, run_episodes, runs
from storage.traces import trace_counts
from storage.usage import Use, use_of

IDS_PER_QUERY = 500
_place_, _row = run_episodes.c, episodes.c
_PAID = Prepared(
    select(_row.attempts, _row.prompt_tokens, _row.completion_tokens, _row.cost_usd, _row.wall_s)
    .select_from(run_episodes.join(episodes, _place_.episode_id == _row.episode_id))
    .where(_place_.run_id == bindparam("run"), _place_.phase == bindparam("of_phase"), _place_.reused == 0)
)
JSON_COLUMNS = ("components", "outcome")
_COLUMNS = tuple(column.name for column in episodes.columns)


class Paid(NamedTuple):
    """What one episode cost."""

    attempts: int
    tokens: int
    cost_usd: float | None
    wall_s: float


class Ledger:
    """Finished episodes and runs of one home. Writing the same row twice leaves one."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def find(self, episode_ids: Sequence[str]) -> dict[str, FinishedEpisode]:
        """Return the finished ones among these episodes, by id."""
        found: dict[str, FinishedEpisode] = {}
        for start in range(0, len(episode_ids), IDS_PER_QUERY):
            some = episode_ids[start : start + IDS_PER_QUERY]
            for row in self._home.fetched(_by_id(_size_for(len(some))), _numbered(some)):
                episode = _episode(zip(_COLUMNS, row, strict=True))
                found[episode["episode_id"]] = episode
        return found

    def record(self, row: FinishedEpisode, run_id: str, phase: str, position: int, *, had_failed: bool) -> None:
        """Write a finished episode and its place in the run, in one transaction; forget that it had failed."""
        values = {**row, **{name: canonical(row[name]) for name in JSON_COLUMNS}}  # type: ignore[literal-required]
        with self._home.writing() as connection:
            insert_new(connection, episodes, [values])
            insert_new(connection, run_episodes, [_place(run_id, phase, row["episode_id"], position, reused=0)])
            if had_failed:
                failed = (failures.c.episode_id == row["episode_id"]) & (failures.c.run_id == run_id)
                connection.execute(delete(failures).where(failed))

    def link(self, run_id: str, phase: str, positions: Iterable[tuple[int, str]]) -> None:
        """Note that a run used episodes which were already in the ledger."""
        rows = [_place(run_id, phase, episode_id, position, reused=1) for position, episode_id in positions]
        if not rows:
            return
        failed = (failures.c.run_id == run_id) & (failures.c.episode_id == bindparam("done"))
        with self._home.writing() as connection:
            insert_new(connection, run_episodes, rows)
            connection.execute(delete(failures).where(failed), [{"done": row["episode_id"]} for row in rows])

    def fail(self, failure: Failure) -> None:
        """Note that an episode ended without a result, and count how often."""
        key = (failures.c.episode_id == failure["episode_id"]) & (failures.c.run_id == failure["run_id"])
        values = {**failure, "spec": canonical(failure["spec"])}
        with self._home.writing() as connection:
            if insert_new(connection, failures, [values]) == 0:
                again = (
                    update(failures)
                    .where(key)
                    .values(count=failures.c.count + 1, reason=failure["reason"], passing=failure["passing"])
                )
                connection.execute(again)

    def failures_of(self, run_id: str) -> list[Failure]:
        """Return the episodes of a run that still have no result, in the order of the run."""
        query = select(failures).where(failures.c.run_id == run_id).order_by(failures.c.phase, failures.c.position)
        with self._home.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Failure(**{**row, "spec": json.loads(row["spec"])}) for row in rows]  # type: ignore[typeddict-item]

    def model_use(self, run_id: str) -> Use:
        """Return what the model calls of a run came to, failed tries included."""
        return use_of(self._home, run_id)

    def traces(self, run_id: str) -> tuple[int, int]:
        """Return how many of a run's traces arrived at LangSmith, and how many are kept here alone."""
        return trace_counts(self._home, run_id)

    def ran_itself(self, run_id: str) -> set[str]:
        """Return the ids of the episodes that a run executed, rather than found in the ledger."""
        c = run_episodes.c
        with self._home.reading() as connection:
            query = select(c.episode_id).where(c.run_id == run_id, c.reused == 0)
            return set(connection.execute(query).scalars())

    def paid_phases(self, run_id: str) -> set[str]:
        """Return the phases in which a run has executed episodes itself."""
        c = run_episodes.c
        query = select(c.phase).distinct().where(c.run_id == run_id, c.reused == 0)
        with self._home.reading() as connection:
            return set(connection.execute(query).scalars())

    def paid(self, run_id: str, phase: str) -> list[Paid]:
        """Return what each episode cost that a run executed itself in a phase; found ones cost nothing."""
        rows = self._home.fetched(_PAID, {"run": run_id, "of_phase": phase})
        return [Paid(attempts, asked + said, cost, wall_s) for attempts, asked, said, cost, wall_s in rows]

    def episodes_of(self, run_id: str) -> list[tuple[str, FinishedEpisode]]:
        """Return (phase, episode) for everything a run used, in the order of the run."""
        joined = run_episodes.join(episodes, run_episodes.c.episode_id == episodes.c.episode_id)
        query = (
            select(run_episodes.c.phase, episodes)
            .select_from(joined)
            .where(run_episodes.c.run_id == run_id)
            .order_by(run_episodes.c.phase, run_episodes.c.position)
        )
        with self._home.reading() as connection:
            return [(row.phase, _episode(dict(row._mapping).items())) for row in connection.execute(query)]

    def trained(self, run_id: str, batches: range) -> list[Trained]:
        """Return the train episodes of some of a run's batches, in the order of the run."""
        r, e = run_episodes.c, episodes.c
        phases = {f"train:{batch:04d}": batch for batch in batches}
        joined = run_episodes.join(episodes, r.episode_id == e.episode_id)
        columns = (r.phase, r.position, r.reused, e.episode_id, e.task, e.attempts, e.reward, e.outcome)
        wanted = select(*columns).select_from(joined)
        found: list[Any] = []
        with self._home.reading() as connection:
            for start in range(0, len(batches), IDS_PER_QUERY):
                chosen = r.phase.in_(list(phases)[start : start + IDS_PER_QUERY])
                found += connection.execute(wanted.where(r.run_id == run_id, chosen)).all()
        return [
            {
                "episode_id": row.episode_id, "task": row.task, "batch": phases[row.phase], "attempts": row.attempts,
                "reward": row.reward, "memories": json.loads(row.outcome)["memories"], "found": bool(row.reused),
            }
            for row in sorted(found, key=lambda row: (phases[row.phase], row.position))
        ]  # fmt: skip

    def note_care(self, run_id: str, batch: int, counts: CareCounts) -> None:
        """Write down what a round of memory care did before a batch; the same round again changes nothing."""
        with self._home.writing() as connection:
            row = {"run_id": run_id, "batch": batch, "counts": canonical(counts)}
            insert_new(connection, care_rounds, [row])

    def share(self, run_id: str, with_run: str, before: int) -> None:
        """Note that another run uses what this one did before a batch; the same again changes nothing.

        That is its train episodes, its measurements and its rounds of care; failures and costs stay its own.
        """
        r, c = run_episodes.c, care_rounds.c
        kinds = [(r.phase >= f"{kind}:") & (r.phase < f"{kind}:{before:04d}") for kind in ("train", "held_out")]
        places = select(r.phase, r.episode_id, r.position).where(r.run_id == run_id, or_(*kinds))
        rounds = select(c.batch, c.counts).where(c.run_id == run_id, c.batch <= before)
        with self._home.writing() as connection:
            mine = [_place(with_run, *place, reused=1) for place in connection.execute(places)]
            insert_new(connection, run_episodes, mine)
            care = [
                {"run_id": with_run, "batch": row.batch, "counts": row.counts} for row in connection.execute(rounds)
            ]
            insert_new(connection, care_rounds, care)

    def care_of(self, run_id: str) -> list[tuple[int, CareCounts]]:
        """Return (train batches before it, what it did) for every round of memory care of a run, in order."""
        c = care_rounds.c
        query = select(c.batch, c.counts).where(c.run_id == run_id).order_by(c.batch)
        with self._home.reading() as connection:
            return [(batch, json.loads(counts)) for batch, counts in connection.execute(query)]

    def forks_of(self, run_id: str) -> list[str]:
        """Return the runs that were forked from a run, the oldest first."""
        query = select(forks.c.fork_id).where(forks.c.parent == run_id).order_by(forks.c.created_at, forks.c.fork_id)
        with self._home.reading() as connection:
            return list(connection.execute(query).scalars())

    def episode(self, prefix: str) -> FinishedEpisode | None:
        """Return the finished episode whose id begins so; raises SetupError when several do."""
        query = select(episodes).where(episodes.c.episode_id.startswith(prefix, autoescape=True)).limit(2)
        with self._home.reading() as connection:
            rows = connection.execute(query).all()
        if len(rows) > 1:
            raise SetupError(f"several episodes begin with {prefix!r}: give more of the id")
        return _episode(dict(rows[0]._mapping).items()) if rows else None

    def begin_run(self, run: RunRow) -> None:
        """Write the run's row before anything runs, or mark an earlier one as running again."""
        with self._home.writing() as connection:
            if insert_new(connection, runs, [{**run, "settings": canonical(run["settings"])}]) == 0:
                again = update(runs).where(runs.c.run_id == run["run_id"]).values(status="running", ended_at=None)
                connection.execute(again)

    def end_run(self, run_id: str, status: str, ended_at: float, active_s: float) -> None:
        """Note how a run ended, and for how many more seconds it was worked on."""
        values = {"status": status, "ended_at": ended_at, "active_s": runs.c.active_s + active_s}
        with self._home.writing() as connection:
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(values))

    def runs(self) -> list[RunRow]:
        """Return all runs, the newest first."""
        with self._home.reading() as connection:
            return [_run(row) for row in connection.execute(select(runs).order_by(runs.c.started_at.desc()))]

    def run(self, prefix: str) -> RunRow | None:
        """Return the run whose id begins so; raises SetupError when several do."""
        query = select(runs).where(runs.c.run_id.startswith(prefix, autoescape=True)).limit(2)
        with self._home.reading() as connection:
            rows = connection.execute(query).all()
        if len(rows) > 1:
            raise SetupError(f"several runs begin with {prefix!r}: give more of the id")
        return _run(rows[0]) if rows else None


@cache
def _by_id(size: int) -> Prepared:
    """Return the query for as many episodes: made once per size, since making it costs more than its execution."""
    return Prepared(select(episodes).where(episodes.c.episode_id.in_([bindparam(f"id_{n}") for n in range(size)])))


def _size_for(count: int) -> int:
    return min(IDS_PER_QUERY, 1 << max(0, count - 1).bit_length())


def _numbered(episode_ids: Sequence[str]) -> dict[str, str]:
    missing = _size_for(len(episode_ids)) - len(episode_ids)
    return {f"id_{n}": one for n, one in enumerate([*episode_ids, *[""] * missing])}


def _place(run_id: str, phase: str, episode_id: str, position: int, *, reused: int) -> dict[str, Cell]:
    return {"run_id": run_id, "phase": phase, "episode_id": episode_id, "position": position, "reused": reused}


def _episode(columns: Iterable[tuple[str, Cell]]) -> FinishedEpisode:
    values = {name: value for name, value in columns if name in _COLUMNS}
    return FinishedEpisode(**{**values, **{name: json.loads(values[name]) for name in JSON_COLUMNS}})  # type: ignore[typeddict-item]


def _run(row: Row[Any]) -> RunRow:
    return RunRow(**{**row._mapping, "settings": json.loads(row.settings)})  # type: ignore[typeddict-item]
