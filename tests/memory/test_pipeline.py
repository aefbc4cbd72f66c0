"""Adding with care: duplicates merge, newer facts supersede, nothing is lost."""

from dataclasses import replace

import pytest

from memory.extract import fingerprint_of, slot_of
from memory.index import Sight
from memory.pipeline import Pipeline, by_sentences
from memory.recall import Recall, Search
from memory.record import Draft, MemoryRefusedError, Scope
from memory.records import Records

ANN = Scope(user="ann")


def fact(text: str, *, cause: str = "", scope: Scope = ANN, at: float | None = None) -> Draft:
    return Draft(text=text, cause=cause or text, scope=scope, valid_from=at)


def found(recall: Recall, text: str, *, scope: Scope = ANN, hidden: bool = False) -> list[str]:
    search = Search(text=text, scope=scope, sight=Sight(hidden=hidden))
    return sorted(hit.record.text for hit in recall.search(search))


@pytest.mark.usefixtures("either_database")
def test_saying_the_same_again_is_counted_not_kept_twice(records: Records) -> None:
    first, again = Pipeline(records).remember([fact("The build uses make."), fact("Build is using MAKE", cause="2")])
    assert (again.outcome, again.memory_id) == ("merged", first.memory_id)
    assert records.get([first.memory_id])[first.memory_id].sightings == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the limit is 10", "the limit is 20"),
        ("tea is allowed", "tea isn't allowed"),
        ("we met on 3 May", "we met on 4 May"),
        ("I gave you the key", "you gave me the key"),
        ("dog bites man", "man bites dog"),
    ],
)
def test_texts_that_differ_in_what_matters_are_not_merged(one: str, other: str) -> None:
    assert fingerprint_of(one) != fingerprint_of(other)


@pytest.mark.usefixtures("either_database")
def test_a_newer_fact_supersedes_the_older_one_and_history_is_kept(records: Records, recall: Recall) -> None:
    pipeline = Pipeline(records)
    (old,) = pipeline.remember([fact("My favourite colour is red")])
    (new,) = pipeline.remember([fact("My favorite color is blue")])
    (newest,) = pipeline.remember([fact("My favorite color is green")])
    assert newest.superseded == (new.memory_id,)
    assert found(recall, "favourite color") == ["My favorite color is green"]
    assert old.memory_id in records.get([old.memory_id])


def test_what_was_superseded_says_until_when_it_held_and_by_what(records: Records) -> None:
    pipeline = Pipeline(records)
    (old,) = pipeline.remember([fact("I live in Paris")])
    (new,) = pipeline.remember([fact("I moved to Rome")])
    record = records.get([old.memory_id])[old.memory_id]
    assert (record.state, record.superseded_by, record.valid_to) == ("archived", new.memory_id, 1000.0)
    assert [entry.event for entry in records.history(old.memory_id)] == ["add", "supersede"]


def test_an_old_fact_that_is_told_late_does_not_win(records: Records, recall: Recall) -> None:
    pipeline = Pipeline(records)
    pipeline.remember([fact("I live in Rome", at=200.0)])
    (late,) = pipeline.remember([fact("I live in Paris", at=100.0)])
    assert late.outcome == "superseded"
    assert found(recall, "live Rome Paris") == ["I live in Rome"]


def test_conflicts_and_duplicates_do_not_cross_scopes(records: Records, recall: Recall) -> None:
    bob = Scope(user="bob")
    outcomes = Pipeline(records).remember([fact("I live in Paris"), fact("I live in Rome", scope=bob)])
    assert [one.outcome for one in outcomes] == ["added", "added"]
    assert found(recall, "live", scope=bob) == ["I live in Rome"]


@pytest.mark.parametrize("text", ["my dog is brown", "The API is slow", "John is tall", "is my name Ann?"])
def test_what_can_have_many_values_takes_no_slot(text: str) -> None:
    assert slot_of(text) == ""


@pytest.mark.usefixtures("either_database")
def test_one_bad_draft_stores_nothing(records: Records, recall: Recall) -> None:
    with pytest.raises(MemoryRefusedError, match="importance"):
        Pipeline(records).remember([fact("good one"), replace(fact("bad one"), importance=2.0)])
    assert found(recall, "good bad one", hidden=True) == []


def test_statements_are_extracted_and_questions_are_not(records: Records, recall: Recall) -> None:
    text = "Hello! I work for Acme Corp. Do you know it well? We deploy on Fridays."
    Pipeline(records, extractor=by_sentences).remember([fact(text)])
    assert found(recall, "work deploy hello know") == ["I work for Acme Corp.", "We deploy on Fridays."]


def test_remembering_again_changes_nothing(records: Records) -> None:
    pipeline = Pipeline(records)
    pipeline.remember([fact("I live in Paris"), fact("I live in Rome")])
    again = pipeline.remember([fact("I live in Paris"), fact("I live in Rome")])
    assert [one.outcome for one in again] == ["known", "known"]
    assert records.first_break() is None
