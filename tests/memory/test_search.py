"""Engines and how they are fused."""

import itertools

import pytest

from memory.fuzzy import similarity
from memory.index import Sight
from memory.prior import Prior
from memory.question import question_of
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from memory.titles import abbreviations
from storage.engine import Home

ANN = Scope(user="ann")


def remember(records: Records, *texts: str, thread: str = "") -> None:
    records.add([Draft(text=text, cause=text, scope=ANN, thread=thread) for text in texts])


def found(recall: Recall, text: str, limit: int = 10) -> list[str]:
    return [hit.record.text for hit in recall.search(Search(text=text, scope=ANN, limit=limit))]


@pytest.mark.usefixtures("either_database")
def test_a_misspelt_word_finds_what_was_meant(records: Records, recall: Recall) -> None:
    remember(records, "the restaurant on the corner", "a resting place", "the corner shop")
    assert found(recall, "restuarant") == ["the restaurant on the corner"]


def test_a_word_that_is_known_is_not_taken_for_another(records: Records, recall: Recall) -> None:
    remember(records, "the form was sent", "the farm was sold")
    assert found(recall, "form") == ["the form was sent"]


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [("same", "same", 1.0), ("word", "wrod", 0.75), ("word", "words", 0.8), ("ab", "xy", 0.0)],
)
def test_similarity_counts_one_edit_per_letter(one: str, other: str, value: float) -> None:
    assert similarity(one, other) == pytest.approx(value)


def test_a_quotation_is_found_word_for_word_first(records: Records, recall: Recall) -> None:
    remember(records, "red red blue big red house", "the house is big and red", "a big red house")
    assert found(recall, 'who said "is big and red"?')[0] == "the house is big and red"


def test_a_quotation_that_nobody_said_still_finds_its_words(records: Records, recall: Recall) -> None:
    remember(records, "the house is big")
    assert found(recall, '"big house"') == ["the house is big"]


def test_the_answer_is_found_through_the_question_before_it(records: Records, recall: Recall) -> None:
    remember(records, "What did you paint last summer?", "Only the old lighthouse.", thread="one")
    remember(records, "Only rain.", thread="two")
    assert found(recall, "paint in summer") == ["What did you paint last summer?", "Only the old lighthouse."]


def test_neighbours_lend_nothing_across_threads(records: Records, recall: Recall) -> None:
    remember(records, "What did you paint?", thread="one")
    remember(records, "Only the lighthouse.", thread="two")
    assert found(recall, "paint") == ["What did you paint?"]


def test_a_result_explains_its_score(records: Records, recall: Recall) -> None:
    remember(records, "def min_cost(grid): return sum(grid)", "def max_cost(grid): return grid")
    (first, second) = recall.search(Search(text="write a function for the minimum cost: min_cost", scope=ANN))
    assert set(first.parts) == {"bm25", "cosine", "names"}
    assert first.score == pytest.approx(sum(first.parts.values()), abs=1e-3)
    assert first.score > second.score


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Write a python function to find the minimum cost", "code"),
        ("min_cost", "code"),
        ("def solve(x): ...", "code"),
        ("When did Ann move to Rome?", "prose"),
        ('who said "over my dead body"', "phrase"),
    ],
)
def test_the_intent_of_a_question_is_told_from_its_form(text: str, intent: str) -> None:
    assert question_of(text).intent == intent


def test_the_day_and_the_speaker_are_found_as_words(records: Records, recall: Recall) -> None:
    said = {"speaker": "Melanie", "timestamp": "2023-05-08T13:56:00"}
    records.add([Draft(text="I went hiking", cause="1", scope=ANN, attributes=said)])
    remember(records, "I went swimming")
    assert found(recall, "What did Melanie do on 8 May 2023?") == ["I went hiking"]


@pytest.mark.usefixtures("either_database")
def test_the_same_question_again_is_answered_from_the_cache_until_something_changes(
    records: Records, recall: Recall
) -> None:
    remember(records, "first tea")
    assert found(recall, "tea") == found(recall, "tea") == ["first tea"]
    assert recall.caches()["answers"].hits == 1
    remember(records, "second tea")
    assert sorted(found(recall, "tea")) == ["first tea", "second tea"]


def test_a_prior_is_weighed_anew_at_every_search(records: Records, home: Home) -> None:
    remember(records, "tea")
    later = itertools.count(records.now(), 86_400.0)
    recall = Recall(home, now=lambda: next(later))
    search = Search(text="tea", scope=ANN, prior=Prior(recency=0.5))
    (first,), (second,) = recall.search(search), recall.search(search)
    assert first.score > second.score
    recall.close()


def test_an_index_full_of_replaced_texts_is_built_anew(
    records: Records, recall: Recall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory.index.WORN_FROM", 4)
    remember(records, "tea")
    for number in range(10):
        with records.changing() as writer:
            (record,) = recall.listed(ANN, sight=Sight())
            writer.replace(record, text=f"tea {number}")
    assert found(recall, "tea") == ["tea 9"]
    assert not recall.index(ANN).worn


@pytest.mark.usefixtures("either_database")
def test_a_program_is_found_by_what_its_name_and_its_abbreviations_stand_for(records: Records, recall: Recall) -> None:
    body = "    total = 0\n    for x in xs:\n        total = {}\n    return total"
    steps = (("best", "max(total, x)"), ("worst", "min(total, x)"), ("evens", "total + x % 2"))
    best, worst, _ = programs = [f"def {name}(xs):\n{body.format(step)}" for name, step in steps]
    remember(records, *programs)
    assert found(recall, "write a function for the maximum of the elements")[0] == best
    assert found(recall, "write a function that picks the worst")[0] == worst


@pytest.mark.parametrize(
    ("word", "short"), [("maximum", "max"), ("message", "msg"), ("string", "str"), ("character", "char")]
)
def test_long_words_have_the_abbreviations_that_programs_use(word: str, short: str) -> None:
    assert short in abbreviations(word)
    assert abbreviations(short) == set()
