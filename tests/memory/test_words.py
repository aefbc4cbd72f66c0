"""Terms: what texts and questions are compared by."""

import pytest

from memory.stemmer import stem
from memory.words import terms_of


@pytest.mark.parametrize(
    ("word", "stemmed"),
    [
        ("caresses", "caress"), ("ponies", "poni"), ("agreed", "agre"), ("hopping", "hop"), ("filing", "file"),
        ("happy", "happi"), ("relational", "relat"), ("vietnamization", "vietnam"), ("adoption", "adopt"),
        ("controll", "control"), ("generalizations", "gener"), ("sky", "sky"), ("replacement", "replac"), ("is", "is"),
    ],
)  # fmt: skip
def test_stems_are_those_of_the_published_algorithm(word: str, stemmed: str) -> None:
    assert stem(word) == stemmed


@pytest.mark.parametrize("text", ["minCost2Path", "min_cost_2_path", "MIN COST 2 PATH", "min-cost-2-path"])
def test_every_spelling_of_an_identifier_gives_the_same_terms(text: str) -> None:
    assert terms_of(text) == ["min", "cost", "2", "path"]


def test_question_words_are_left_out() -> None:
    assert terms_of("What did she say about the Café?") == ["sai", "cafe"]


def test_an_abbreviation_in_an_identifier_is_a_word_of_its_own() -> None:
    assert terms_of("parseHTTPHeader") == ["pars", "http", "header"]


def test_text_without_spaces_gives_pairs_of_characters() -> None:
    assert terms_of("東京都") == ["東京", "京都"]
