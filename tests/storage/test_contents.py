from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from state.errors import RatchetError
from storage.contents import KEPT_CHARACTERS, ContentStore, canonical, digest_of
from storage.engine import Home
from storage.tables import contents as table

# every code point, lone surrogates and NUL included: what a model writes is not ours to choose
ANY_TEXT = st.text(st.characters(categories=None))


def rows(home: Home) -> int:
    with home.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY_TEXT)
def test_any_text_comes_back_as_it_was(home: Home, text: str) -> None:
    [address] = ContentStore(home).put(text)
    assert ContentStore(home).get(address) == text


def test_a_huge_text_comes_back_as_it_was(home: Home) -> None:
    text = "".join(f"line {n}\n" for n in range(500_000))
    [address] = ContentStore(home).put(text)
    assert ContentStore(home).get(address) == text


def test_the_same_text_is_stored_once_whoever_stores_it(home: Home) -> None:
    first, second = ContentStore(home), ContentStore(home)
    assert first.put("a", "b", "a") == [*second.put("a", "b"), digest_of("a")]
    assert rows(home) == 2


def test_an_address_without_content_is_an_error_that_names_the_home(home: Home, contents: ContentStore) -> None:
    with pytest.raises(RatchetError, match=f"no content at 123 in {home.name}"):
        contents.get("123")


def test_texts_are_kept_at_hand_up_to_a_bound_and_read_again_beyond_it(home: Home, contents: ContentStore) -> None:
    large = ["x" * (KEPT_CHARACTERS // 2 + n) for n in range(3)]
    addresses = [contents.put(text)[0] for text in large]
    assert [contents.get(address) == text for address, text in zip(addresses, large, strict=True)] == [True] * 3
    assert sum(map(len, contents._recent.values())) <= KEPT_CHARACTERS


def test_threads_may_write_the_same_and_different_texts_at_once(home: Home, contents: ContentStore) -> None:
    texts = [f"text {n % 40}" for n in range(200)]
    with ThreadPoolExecutor(8) as pool:
        addresses = list(pool.map(lambda text: contents.put(text)[0], texts))
    assert addresses == [digest_of(text) for text in texts]
    assert rows(home) == 40


@given(value=st.dictionaries(ANY_TEXT, st.integers() | ANY_TEXT))
def test_equal_values_have_one_canonical_text_in_whatever_order_they_were_built(value: dict[str, object]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical(turned) == canonical(value)
