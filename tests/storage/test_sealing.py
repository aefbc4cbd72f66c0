from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from sqlalchemy import LargeBinary, String, Text, select, update

from benchmarks.postgres import create_database, drop_database
from checkpoints.savers import close_saver, open_saver
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from runtime.settings import OTHER_VARIABLES
from state.errors import RatchetError, SetupError
from storage.contents import ContentStore
from storage.engine import Home, open_home
from storage.keys import KEY_VARIABLE, NEW_KEY_VARIABLE, change_key, given_key, new_key
from storage.sealing import Seal, SealedBytes, SealedText
from storage.tables import contents, memory_log, metadata, runs

KEY = new_key()
DOCS = Path(__file__).parents[2] / "docs" / "encryption.md"
ROW = {"run_id": "run-1", "settings": "secret", "status": "done", "started_at": 1.0, "active_s": 2.0}


@pytest.fixture
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    home = open_home(tmp_path / "sealed")
    with home.writing() as connection:
        connection.execute(runs.insert().values(ROW))
    return home


def raw(home: Home, column: str, table: str) -> object:
    with home.reading() as connection:
        return connection.exec_driver_sql(f"SELECT {column} FROM {table}").scalar()


def test_every_column_that_stays_readable_is_in_the_documentation() -> None:
    documented = DOCS.read_text("utf-8")
    readable = [
        f"`{table.name}.{column.name}`"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String | Text | LargeBinary)
    ]
    assert [one for one in readable if one not in documented] == []


def test_a_sealed_column_knows_where_it_is() -> None:
    sealed_ones = [
        (column.type.place, f"{table.name}.{column.name}")
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, SealedText | SealedBytes)
    ]
    assert len(sealed_ones) > 30
    assert [pair for pair in sealed_ones if pair[0] != pair[1]] == []


def test_what_was_stored_is_read_back_and_lies_there_encrypted(sealed: Home) -> None:
    with sealed.reading() as connection:
        assert connection.execute(select(runs.c.settings)).scalar() == "secret"
    assert "secret" not in str(raw(sealed, "settings", "runs"))
    sealed.close()


@pytest.mark.parametrize(
    ("key", "what"),
    [("", "is encrypted: set RATCHET_ENCRYPTION_KEY"), ("0f" * 32, "is not the key of"), ("short", "is no key")],
)
def test_without_its_key_an_encrypted_home_is_refused(
    sealed: Home, key: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed.close()
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(SetupError, match=what) as caught:
        open_home(sealed.folder)
    assert not key or key not in str(caught.value).replace("is no key", "")


def test_a_plain_home_is_refused_where_there_is_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_home(tmp_path / "plain").close()
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    with pytest.raises(SetupError, match="is not encrypted"):
        open_home(tmp_path / "plain")


def test_a_key_may_be_written_in_base64_or_hexadecimal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    key = given_key()
    assert key is not None
    monkeypatch.setenv(KEY_VARIABLE, key.hex())
    assert given_key() == key
    assert {KEY_VARIABLE, NEW_KEY_VARIABLE} == OTHER_VARIABLES


def test_a_changed_key_opens_the_home_and_the_old_one_does_not(sealed: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    other = new_key()
    monkeypatch.setenv(NEW_KEY_VARIABLE, other)
    old, new = given_key(), given_key(NEW_KEY_VARIABLE)
    assert old is not None
    assert new is not None
    with sealed.writing() as connection:
        change_key(connection, sealed.name, old, new)
    sealed.close()
    with pytest.raises(SetupError, match="is not the key of"):
        open_home(sealed.folder)
    monkeypatch.setenv(KEY_VARIABLE, other)
    home = open_home(sealed.folder)
    with home.reading() as connection:
        assert connection.execute(select(runs.c.settings)).scalar() == "secret"
    home.close()


def test_a_value_that_was_changed_or_moved_to_another_column_is_refused(sealed: Home) -> None:
    for value in (str(raw(sealed, "settings", "runs"))[::-1], Seal(b"k" * 32).close_text("runs.settings", "x"), "{}"):
        with sealed.writing() as connection:
            connection.exec_driver_sql("UPDATE runs SET settings = ?", (value,))
        with sealed.reading() as connection, pytest.raises(SetupError, match=r"runs\.settings does not open"):
            connection.execute(select(runs.c.settings)).scalar()
    one = sealed.seal
    assert one is not None
    with pytest.raises(SetupError, match=r"failures\.spec does not open"):
        one.open_text("failures.spec", one.close_text("runs.settings", "x"))
    sealed.close()


def test_a_query_that_would_compare_encrypted_texts_is_an_error() -> None:
    with pytest.raises(TypeError, match="cannot be compared"):
        select(runs).where(runs.c.settings == "secret")


def test_contents_are_found_by_their_address_which_says_nothing_of_them(sealed: Home) -> None:
    store = ContentStore(sealed)
    [address] = store.put("no")
    body = raw(sealed, "body", "contents")
    ContentStore(sealed).put("no")
    assert (ContentStore(sealed).get(address), raw(sealed, "body", "contents")) == ("no", body)
    assert raw(sealed, "digest", "contents") != address
    with sealed.writing() as connection:
        connection.execute(update(contents).where(contents.c.digest == address).values(body=b"gone"))
        assert connection.execute(select(memory_log.c.memory_id)).all() == []
        assert connection.execute(select(contents.c.digest, contents.c.body)).one() == (address, b"gone")
    sealed.close()


def test_a_text_that_was_moved_to_another_address_is_refused(sealed: Home) -> None:
    one, two = ContentStore(sealed).put("one", "two")
    with sealed.writing() as connection:
        body = select(contents.c.body).where(contents.c.digest == one).scalar_subquery()
        connection.execute(update(contents).where(contents.c.digest == two).values(body=body))
    assert ContentStore(sealed).get(one) == "one"
    with pytest.raises(RatchetError, match=f"the text at {two} .* is another one"):
        ContentStore(sealed).get(two)


def test_two_homes_with_one_key_have_nothing_in_common(sealed: Home, tmp_path: Path) -> None:
    other = open_home(tmp_path / "other")
    for home in (sealed, other):
        ContentStore(home).put("the same")
    assert raw(sealed, "digest", "contents") != raw(other, "digest", "contents")
    assert raw(sealed, "body", "contents") != raw(other, "body", "contents")
    sealed.close()
    other.close()


def test_no_word_is_in_any_row_of_an_encrypted_postgresql_home_either(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    name = "encrypted_" + tmp_path.name[-40:].lower().replace("-", "_")
    home = open_home(tmp_path / "home", create_database(postgres_url, name))
    scope = Scope(user="canary" + "s" * 120)
    Records(home).add([Draft(text="Ann likes canaries", cause="canary", scope=scope, attributes={"canary": 1})])
    [address] = ContentStore(home).put("the canary sang")
    saver = open_saver(home)
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    values = {"top": "canary", "attempt": {"text": "canary"}}
    versions: Any = {"top": "1", "attempt": "1"}
    written = saver.put(
        config, {**empty_checkpoint(), "channel_values": values, "channel_versions": versions}, {}, versions
    )
    saver.put_writes(written, [("attempt", {"text": "canary"})], "task")
    with home.reading() as connection:
        tables = (
            connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").scalars().all()
        )
        rows = [str(row) for one in tables for row in connection.exec_driver_sql(f'SELECT t::text FROM "{one}" t')]
        hidden = [bytes(row[0]) for row in connection.exec_driver_sql("SELECT blob FROM checkpoint_blobs")]
    recall = Recall(home)
    assert len(rows) > 6
    assert [row for row in rows if "canary" in row.lower() or b"canary".hex() in row] == []
    assert [blob for blob in hidden if b"canary" in blob] == []
    assert [found.record.text for found in recall.search(Search(text="canaries", scope=scope))] == [
        "Ann likes canaries"
    ]
    assert ContentStore(home).get(address) == "the canary sang"
    point = saver.get_tuple(written)
    assert point is not None
    assert point.checkpoint["channel_values"] == values
    recall.close()
    close_saver(saver)
    home.close()
    drop_database(postgres_url, name)
