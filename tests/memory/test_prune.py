"""Making room: what runs wrote and care has put away goes, and nothing else."""

import pytest
from sqlalchemy import insert

from memory.care import tend
from memory.index import Sight
from memory.prune import prune
from memory.recall import Recall
from memory.record import Draft, Scope
from memory.records import Records
from memory.transfer import faults
from storage.tables import runs
from tests.memory.conftest import Clock

pytestmark = pytest.mark.usefixtures("either_database")

ANN = Scope(user="ann")


@pytest.fixture
def put_away(records: Records, clock: Clock) -> list[str]:
    """Put six memories away, one every ten seconds from 100 on: five of a run and one that a user told."""
    clock.now = 100.0
    origin = {"run_id": "run", "batch": 0, "episode_id": "e"}
    told = Draft(text="told by a user", cause="told", scope=ANN)
    drafts = [Draft(text=f"text {n}", cause=str(n), scope=ANN, kind="episodic", origin=origin) for n in range(5)]  # type: ignore[arg-type]
    ids = records.add([*drafts, Draft(text="in sight", cause="seen", scope=ANN, origin=origin), told])  # type: ignore[arg-type]
    for memory_id in [*ids[:5], ids[6]]:
        with records.changing() as writer:
            writer.move(writer.read([memory_id])[memory_id], "archived", cause="test")
        clock.now += 10
    return ids


def left(records: Records, recall: Recall) -> list[str]:
    return [record.text for record in recall.listed(ANN, sight=Sight(hidden=True))]


def test_what_is_old_goes_but_for_the_newest_and_what_a_user_told(
    records: Records, recall: Recall, put_away: list[str], clock: Clock
) -> None:
    clock.now = 150.0
    assert list(prune(records, older_than_s=20, keep=3, rehearse=True).memory_ids) == put_away[1::-1]
    assert len(left(records, recall)) == 7
    assert list(prune(records, older_than_s=20, keep=3).memory_ids) == put_away[1::-1]
    assert left(records, recall) == ["text 2", "text 3", "text 4", "in sight", "told by a user"]
    assert [entry.event for entry in records.history(put_away[0])] == ["add", "state", "forget"]
    assert (faults(records), list(prune(records, older_than_s=20, keep=3).memory_ids)) == ([], [])


def test_what_an_unfinished_run_may_still_see_stays(records: Records, recall: Recall, put_away: list[str]) -> None:
    row = {"run_id": "stopped", "settings": "{}", "status": "stopped", "started_at": 115.0, "active_s": 0.0}
    with records.home.writing() as connection:
        connection.execute(insert(runs).values(row))
    pruned = prune(records)
    assert (sorted(pruned.memory_ids), pruned.in_use) == (sorted(put_away[:2]), 3)
    assert "text 2" in left(records, recall)


def test_a_summary_outlives_the_members_that_were_removed(records: Records, recall: Recall) -> None:
    origin = {"run_id": "run", "batch": 0, "episode_id": "e"}
    text = "sorting a list of numbers, attempt"
    drafts = [Draft(text=f"{text} {n}", cause=str(n), scope=ANN, kind="episodic", origin=origin) for n in range(20)]  # type: ignore[arg-type]
    records.add(drafts)
    (summary,) = tend(records, recall, ANN).summaries
    removed = prune(records).memory_ids
    assert len(removed) == 15
    assert (records.linked(summary, "summarises"), summary in records.get([summary])) == ([], True)
    assert (tend(records, recall, ANN).summaries, faults(records)) == ([], [])
