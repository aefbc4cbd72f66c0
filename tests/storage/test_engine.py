import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, select

from state.errors import SetupError, TransientError
from storage.contents import ContentStore
from storage.engine import Home, insert_new, named_errors, open_home
from storage.migrations import SCHEMA_VERSION
from storage.tables import home_meta, memory_links, metadata

WRITER = """
import sys
from pathlib import Path
from storage.contents import ContentStore
from storage.engine import open_home
store = ContentStore(open_home(Path(sys.argv[1])))
for number in range(40):
    store.put(f"from everybody {number}", f"from {sys.argv[2]}: {number}")
"""
LINK = {"source": "a", "relation": "supersedes", "target": "b"}


def links(home: Home) -> int:
    with home.reading() as connection:
        return len(connection.execute(select(memory_links)).all())


def complaint(folder: Path, url: str = "") -> str:
    with pytest.raises(SetupError) as caught:
        open_home(folder, url)
    return str(caught.value)


def test_a_home_is_made_with_every_table_and_opened_again(tmp_path: Path) -> None:
    open_home(tmp_path / "a" / "b").close()
    home = open_home(tmp_path / "a" / "b")
    with home.reading() as connection:
        found = {name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'")}
    home.close()
    assert found >= set(metadata.tables)


@pytest.mark.parametrize("name", ["a?b=c", "50%41", "a#b", "a b", "ü"])
def test_any_name_will_do_for_a_home(tmp_path: Path, name: str) -> None:
    open_home(tmp_path / name).close()
    assert (tmp_path / name / "ratchet.db").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_home_of_a_newer_version_is_refused_and_left_as_it_is(home: Home) -> None:
    newer = home_meta.update().values(value=str(SCHEMA_VERSION + 1))
    with home.writing() as connection:
        connection.execute(newer)
    message = complaint(home.folder, home.url)
    assert f"was made by a newer version (schema {SCHEMA_VERSION + 1}; this one knows {SCHEMA_VERSION})" in message
    assert "Update ratchet, or choose another folder with --home" in message


def test_a_file_in_the_way_of_the_home_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert f"cannot write to the home {tmp_path / 'file' / 'home'}: Not a directory" in complaint(
        tmp_path / "file/home"
    )
    assert f"cannot write to the home {tmp_path / 'file'}: File exists" in complaint(tmp_path / "file")


def test_a_file_that_is_no_database_is_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "ratchet.db").write_text("shopping list: milk, eggs, bread\n" * 100)
    message = complaint(tmp_path)
    assert message == f"{tmp_path / 'ratchet.db'} is damaged or no database: move {tmp_path} away and run again"


def test_a_database_that_was_damaged_in_the_middle_is_named_when_it_is_read(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    [address] = ContentStore(home).put("".join(map(str, range(100_000))))
    home.close()
    raw = (tmp_path / "ratchet.db").read_bytes()
    (tmp_path / "ratchet.db").write_bytes(raw[:4096] + b"\xff" * (len(raw) - 4096))
    again = Home(create_engine(f"sqlite:///{tmp_path / 'ratchet.db'}"), tmp_path)
    with pytest.raises(SetupError, match="is damaged or no database"):
        ContentStore(again).get(address)
    again.close()


def test_a_full_disk_is_one_clear_error_and_what_was_saved_stays_readable(sqlite_home: Home) -> None:
    home = sqlite_home
    [address] = ContentStore(home).put("saved before")
    event.listen(home.engine, "connect", lambda raw, _record: raw.execute("PRAGMA max_page_count=1"))
    home.close()
    with pytest.raises(SetupError, match=f"no space left for {home.folder}: free some, then run the same command"):
        ContentStore(home).put("".join(map(str, range(200_000))))
    assert ContentStore(home).get(address) == "saved before"


def test_a_database_that_stays_locked_is_worth_another_try(sqlite_home: Home) -> None:
    home = sqlite_home
    event.listen(home.engine, "connect", lambda raw, _record: raw.execute("PRAGMA busy_timeout=1"))
    home.close()
    other = sqlite3.connect(home.folder / "ratchet.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TransientError, match="stayed locked"):
        ContentStore(home).put("text")
    other.close()


def test_a_block_that_raises_leaves_nothing_behind(home: Home) -> None:
    def broken_off() -> None:
        with home.writing() as connection:
            insert_new(connection, memory_links, [LINK])
            raise InterruptedError

    with pytest.raises(InterruptedError):
        broken_off()
    assert links(home) == 0


def test_inserting_rows_twice_leaves_one_of_each_and_says_how_many_were_new(home: Home) -> None:
    with home.writing() as connection:
        assert insert_new(connection, memory_links, [LINK, {**LINK, "target": "c"}]) == 2
        assert insert_new(connection, memory_links, [LINK]) == 0
        assert insert_new(connection, memory_links, []) == 0
    assert links(home) == 2


def test_processes_may_make_a_home_and_write_to_it_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "home")]
    root = Path(__file__).parents[2]
    writers = [subprocess.Popen([*command, name], cwd=root) for name in ("one", "two", "three")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    connection = sqlite3.connect(tmp_path / "home" / "ratchet.db")
    [(count,)] = connection.execute("SELECT count(*) FROM contents")
    connection.close()
    assert count == 40 + 3 * 40


def test_errors_that_nobody_can_act_on_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), named_errors(tmp_path):
        raise sqlite3.OperationalError("no such table: t")


def test_a_home_of_an_older_version_is_brought_up_to_date_and_keeps_what_it_holds(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    [address] = ContentStore(home).put("kept")
    with home.writing() as connection:
        for table in ("forks", "questions", "memory_hidings", "care_rounds", "memory_uses"):  # as in the third version
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("CREATE TABLE memory_uses (memory_id TEXT, cause TEXT, reward FLOAT, at FLOAT)")
        connection.exec_driver_sql("INSERT INTO memory_uses VALUES ('m', 'e', 1.0, 0.0)")
        connection.execute(home_meta.update().values(value="3"))
    home.close()
    again = open_home(tmp_path)
    with again.reading() as connection:
        assert connection.execute(select(home_meta.c.value)).scalar_one() == str(SCHEMA_VERSION)
        uses = connection.exec_driver_sql("SELECT cause, seq, run_id, batch FROM memory_uses").all()
        found = {name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'")}
    assert found >= set(metadata.tables)
    assert uses == [("e", 0, "", 0)]
    assert ContentStore(again).get(address) == "kept"
    again.close()
