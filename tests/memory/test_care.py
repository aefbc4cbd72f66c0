"""Lifecycle: memories fade, are restored by use, retired when they hurt, folded into summaries."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from memory.care import Tended, tend
from memory.clusters import clustered
from memory.consolidation import FOLDS_FROM, KEPT_OF_GROUP
from memory.credit import Shown, uses_of
from memory.embedders import HashedEmbedder
from memory.index import Sight
from memory.lifecycle import DAY_S, LAST_USES, Now, Track, Use, note_uses, retention, tracks
from memory.prior import Prior
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from memory.writer import Moment
from tests.memory.conftest import Clock

ANN = Scope(user="ann")
TOPICS = ["sorting a list of numbers quickly", "parsing dates out of log files", "walking a graph breadth first"]


def skill(name: str) -> Draft:
    return Draft(text=name, cause=name, scope=ANN, kind="procedural", code="pass")


def episodes(topic: str, count: int, start: int = 0) -> list[Draft]:
    texts = [f"{topic}, attempt {number}" for number in range(start, start + count)]
    return [Draft(text=text, cause=text, scope=ANN, kind="episodic") for text in texts]


def round_of(records: Records, recall: Recall, now: Now | None = None) -> Tended:
    return tend(records, recall, ANN, now=now)


def use(memory_id: str, cause: str, reward: float | None = None, baseline: float | None = None) -> list[Use]:
    return [Use(memory_id, cause, reward, baseline)]


def states(records: Records, recall: Recall) -> dict[str, str]:
    return {record.text: record.state for record in recall.listed(ANN, sight=Sight(hidden=True), limit=10_000)}


def test_retention_falls_with_time_and_slower_after_use(records: Records) -> None:
    (memory_id,) = records.add([skill("sort")])
    record = records.get([memory_id])[memory_id]
    day_100 = 100 * DAY_S
    assert retention(record, Track(), Now(0.0)) == 1.0
    assert retention(record, Track(uses=3), Now(day_100)) > retention(record, Track(), Now(day_100))
    assert retention(record, Track(uses=1, age=0.0), Now(day_100)) == 1.0


def test_what_is_not_used_decays_and_the_next_use_restores_it(records: Records, recall: Recall, clock: Clock) -> None:
    (memory_id,) = records.add([skill("sort")])
    clock.now = 400 * DAY_S
    assert round_of(records, recall).states == {"active -> decayed": 1}
    note_uses(records.home, use(memory_id, "e1"), at=clock.now)
    assert round_of(records, recall).states == {"decayed -> active": 1}


@pytest.mark.usefixtures("either_database")
def test_a_memory_that_lowers_rewards_is_retired_within_fifty_uses(records: Records, recall: Recall) -> None:
    harmful, harmless = records.add([skill("harmful"), skill("harmless")])
    draws = Random(7)
    for number in range(50):
        for memory_id, rate in ((harmful, 0.4), (harmless, 0.7)):
            reward = float(draws.random() < rate)
            note_uses(records.home, use(memory_id, f"e{number}", reward, 0.7), at=0.0)
    round_of(records, recall)
    assert states(records, recall) == {"harmful": "archived", "harmless": "active"}


def test_the_same_episode_counts_once(records: Records) -> None:
    (memory_id,) = records.add([skill("sort")])
    noted = [note_uses(records.home, use(memory_id, "e", 1.0, 0.5), at=0.0) for _ in range(2)]
    assert noted == [1, 0]


def track(advantages: list[float]) -> Track:
    return Track(advantages=tuple(advantages))


def test_few_rewards_retire_nothing_and_rank_low() -> None:
    assert not track([-1.0] * 7).hurts
    assert track([-1.0] * 8).hurts
    assert track([0.5]).utility < track([0.5] * 9).utility


def test_what_changes_nothing_is_seldom_found_to_hurt_however_often_one_looks() -> None:
    draws, wrong = Random(5), 0
    for _ in range(200):
        advantages = [draws.choice([-0.6, 0.4, 0.4, -0.6, 0.4]) for _ in range(200)]
        wrong += any(track(advantages[:count]).hurts for count in range(8, 200, 4))
    assert wrong <= 0.05 * 200


def test_a_large_group_stands_in_a_summary_that_links_its_members(records: Records, recall: Recall) -> None:
    records.add(episodes(TOPICS[0], FOLDS_FROM))
    (summary,) = round_of(records, recall).summaries
    assert sorted(states(records, recall).values()).count("consolidated") == FOLDS_FROM - KEPT_OF_GROUP
    assert len(records.linked(summary, "summarises")) == FOLDS_FROM - KEPT_OF_GROUP


@pytest.mark.usefixtures("either_database")
def test_a_group_has_one_summary_that_counts_all(records: Records, recall: Recall) -> None:
    for start in (0, 20, 40):
        records.add(episodes(TOPICS[0], 20, start))
        round_of(records, recall)
    visible = recall.listed(ANN, sight=Sight())
    assert [record.attributes["count"] for record in visible if record.kind == "semantic"] == [60 - KEPT_OF_GROUP]


@pytest.mark.usefixtures("either_database")
def test_a_round_that_is_repeated_changes_nothing(records: Records, recall: Recall) -> None:
    records.add([draft for topic in TOPICS for draft in episodes(topic, 20)])
    first = round_of(records, recall)
    before = recall.last()
    again = round_of(records, recall)
    assert (first.groups, again.stability, recall.last()) == (3, 1.0, before)


def test_another_run_does_not_see_what_a_run_changes(records: Records, recall: Recall) -> None:
    records.add(episodes(TOPICS[0], 20))
    watermark = recall.last()
    sight = Sight(watermark=watermark, run_id="mine", batch=3)
    round_of(records, recall, Now(0.0, sight))
    assert len(recall.listed(ANN, sight=sight)) == KEPT_OF_GROUP + 1
    assert len(recall.listed(ANN, sight=replace(sight, run_id="other"))) == 20


def test_of_skills_that_do_the_same_the_most_useful_stay(records: Records, recall: Recall) -> None:
    same = [replace(skill("sort"), cause=str(number), code=f"pass  # {number}") for number in range(4)]
    memory_ids = records.add(same)
    for number in range(10):
        note_uses(records.home, use(memory_ids[2], f"e{number}", 1.0, 0.5), at=0.0)
    round_of(records, recall)
    assert memory_ids[2] in [record.memory_id for record in recall.listed(ANN, sight=Sight())]
    assert len(recall.listed(ANN, sight=Sight())) == 2


def test_groups_do_not_depend_on_the_order_of_writing() -> None:
    texts = {f"id{number}": f"{TOPICS[number % 3]} number {number}" for number in range(30)}
    results = []
    for ids in (sorted(texts), sorted(texts, reverse=True)):
        results.append(clustered(ids, HashedEmbedder(256).embed([texts[one] for one in ids]), {}).groups)
    assert results[0] == results[1]
    assert len(set(results[0].values())) == 3


def test_groups_merge_when_they_become_alike_and_split_when_they_part() -> None:
    one, other = np.eye(2, dtype=np.float32)
    apart = np.stack([one] * 4 + [other] * 4)
    ids = [f"id{number}" for number in range(8)]
    split = clustered(ids, apart, dict.fromkeys(ids, "id0"))
    merged = clustered(ids, np.stack([one] * 8), split.groups)
    assert (split.split, sorted(map(len, split.members().values())), split.stability) == (1, [4, 4], 0.5)
    assert (merged.merged, list(merged.members())) == (1, ["id0"])


def test_a_memory_is_judged_by_episodes_like_those_it_was_shown_to() -> None:
    hard = [
        Shown(f"h{n}", f"hard {n}", frozenset({"for hard tasks", *({"m"} if n < 8 else ())}), 0.2, False)
        for n in range(16)
    ]
    easy = [Shown(f"e{n}", f"easy {n}", frozenset(), 1.0, False) for n in range(16)]
    uses = [use for use in uses_of(hard, [*hard, *easy]) if use.memory_id == "m"]
    assert all(use.baseline is not None and use.baseline < 0.5 for use in uses), "hard tasks are no fault of the memory"


def test_a_recipe_is_compared_with_other_failed_first_programs() -> None:
    repaired = [Shown(f"r{n}", f"t{n}", frozenset({"recipe"} if n % 2 else ()), 0.6, True) for n in range(6)]
    at_once = [Shown(f"o{n}", f"u{n}", frozenset(), 1.0, False) for n in range(6)]
    (baseline,) = {use.baseline for use in uses_of(repaired, [*repaired, *at_once], {"recipe"})}
    assert baseline == pytest.approx(0.6)


def test_without_other_episodes_nothing_is_concluded() -> None:
    only = [Shown("e", "t", frozenset({"m"}), 0.0, False)]
    assert uses_of(only, only) == [Use("m", "e", 0.0, None)]


@pytest.mark.usefixtures("either_database")
def test_the_last_uses_of_a_memory_are_kept(records: Records) -> None:
    for number in range(LAST_USES + 10):
        note_uses(records.home, use("m", f"e{number}", 1.0, 0.5), at=float(number))
    assert tracks(records.home, ["m"], Now(100.0))["m"].uses == LAST_USES
    assert tracks(records.home, ["m"], Now(100.0))["m"].age == 100.0 - (LAST_USES + 9)


def test_what_a_run_noted_is_known_to_its_later_batches_and_to_later_runs(records: Records) -> None:
    records.add([skill("before")])
    note_uses(records.home, use("m", "e", 1.0, 0.5), at=0.0, moment=Moment("mine", 2))

    def known(watermark: int, run_id: str, batch: int) -> bool:
        return "m" in tracks(records.home, ["m"], Now(0.0, Sight(watermark=watermark, run_id=run_id, batch=batch)))

    assert (known(0, "mine", 2), known(0, "mine", 3)) == (False, True)
    assert not known(1, "other", 9), "a run that is under way"
    records.add([skill("after")])
    assert known(2, "other", 0)


@pytest.mark.usefixtures("either_database")
def test_two_runs_may_both_put_the_same_memory_away(records: Records, recall: Recall) -> None:
    (memory_id,) = records.add([skill("sort")])
    mine, other, third = (Sight(watermark=1, run_id=run, batch=3) for run in ("mine", "other", "third"))
    for sight in (mine, other):
        for number in range(10):
            moment = Moment(sight.run_id, 1)
            note_uses(records.home, use(memory_id, f"{sight.run_id} {number}", 0.0, 1.0), at=0.0, moment=moment)
        round_of(records, recall, Now(0.0, sight))
    assert [len(recall.listed(ANN, sight=sight)) for sight in (mine, other, third)] == [0, 0, 1]
    assert Recall(records.home).listed(ANN, sight=other) == [], "an index that is built anew agrees"


def test_inside_a_run_time_is_counted_in_batches(records: Records, recall: Recall, clock: Clock) -> None:
    records.add([replace(skill("sort"), origin={"run_id": "mine", "batch": 0, "episode_id": ""})])
    clock.now = 400 * DAY_S
    sight = Sight(watermark=0, run_id="mine", batch=5)
    assert round_of(records, recall, Now(0.0, sight, batch_s=DAY_S)).states == {}
    assert round_of(records, recall, Now(0.0, replace(sight, batch=400), batch_s=DAY_S)).states == {
        "active -> decayed": 1
    }


def test_proven_utility_raises_what_helps_and_says_so(records: Records, recall: Recall) -> None:
    plain, useful = records.add([replace(skill("sort numbers"), cause=cause) for cause in ("plain", "useful")])
    for number in range(20):
        note_uses(records.home, use(useful, f"e{number}", 1.0, 0.2) + use(plain, f"e{number}", 0.0, 0.8), at=0.0)
    hits = recall.search(Search(text="sort numbers", scope=ANN, prior=Prior(utility=0.3), limit=1))
    assert [hit.record.memory_id for hit in hits] == [useful]
    assert hits[0].parts["utility"] > 0
    assert "utility" in hits[0].why
