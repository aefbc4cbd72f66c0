"""Forgetting for good, the audit trail that survives it, export and import."""

import json
import zlib
from pathlib import Path

import pytest
from sqlalchemy import text

from memory.care import tend
from memory.embedders import HashedEmbedder
from memory.embeddings import Embeddings
from memory.forget import forget
from memory.index import Sight
from memory.recall import Recall, Search
from memory.record import Draft, MemoryRefusedError, Scope
from memory.records import Records
from memory.transfer import exported, faults, imported
from storage.contents import FORGOTTEN, ContentStore
from storage.engine import Home, open_home
from storage.redaction import redacted
from storage.tables import contents

pytestmark = pytest.mark.usefixtures("either_database")

ANN = Scope(user="ann")
SECRET = 'the tower\'s "password" is swordfish\nand nothing else'


def draft(what: str, *, kind: str = "semantic") -> Draft:
    return Draft(text=what, cause=what, scope=ANN, kind=kind)  # type: ignore[arg-type]


def bytes_of(home: Home) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(home.folder.rglob("*")) if path.is_file())


def stored_texts(home: Home) -> str:
    with home.reading() as connection:
        bodies = connection.execute(contents.select()).all()
    return "\n".join(zlib.decompress(row.body).decode() for row in bodies)


@pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)  # PostgreSQL's files are its own
def test_a_forgotten_text_is_in_no_byte_of_the_home(home: Home, records: Records) -> None:
    records = Records(home, embeddings=Embeddings(home, HashedEmbedder(16)))
    memory_id, *_ = records.add([draft(SECRET), *[draft(f"other {number}") for number in range(50)]])
    with records.changing() as writer:
        writer.replace(records.get([memory_id])[memory_id], text=f"{SECRET} any more")
    assert b"swordfish" in bytes_of(home)
    forget(records, [memory_id])
    assert b"swordfish" not in bytes_of(home)
    assert b"other 49" in bytes_of(home)


def test_what_quoted_it_keeps_its_address_without_the_quotation(home: Home, records: Records) -> None:
    (memory_id,) = records.add([draft(SECRET)])
    (address,) = ContentStore(home).put(json.dumps([{"content": f"Remember: {SECRET}. Solve it."}]))
    assert forget(records, [memory_id]).quotations == 1
    assert "swordfish" not in stored_texts(home)
    assert json.loads(ContentStore(home).get(address))[0]["content"] == f"Remember: {FORGOTTEN}. Solve it."


def test_stores_of_others_are_asked_to_purge_it_too(records: Records) -> None:
    (memory_id,) = records.add([draft(SECRET)])
    asked: list[str] = []
    forgotten = forget(records, [memory_id], purgers=[lambda texts: asked.extend(texts) or 3])  # type: ignore[func-returns-value]
    assert (asked, forgotten.quotations) == ([SECRET], 3)


def skill(cause: str, code: str) -> Draft:
    text, signature = "f: return the sum of two numbers", "def f(a, b)"
    return Draft(text=text, code=code, signature=signature, cause=cause, scope=ANN, kind="procedural")


def test_another_version_of_a_forgotten_skill_keeps_its_code_and_is_called_as_its_function(
    records: Records, recall: Recall
) -> None:
    one, same, other = records.add(
        [
            skill("1", "def f(a, b): return a + b"),
            skill("2", "def f(a, b): return a + b\n"),
            skill("3", "f = sum_of_two"),
        ]
    )
    forgotten = forget(records, [one])
    assert (list(forgotten.twins), list(forgotten.redacted)) == ([same], [other])
    left = records.get([one, same, other])[other]
    assert (left.code, left.text) == ("f = sum_of_two", "def f(a, b)")
    assert recall.search(Search(text="forgotten", scope=ANN)) == []


def test_what_is_left_of_a_memory_is_not_found_by_the_mark_of_what_is_gone(records: Records, recall: Recall) -> None:
    one, quoting = records.add([draft(SECRET), draft(f"{SECRET}! And tea.")])
    assert list(forget(records, [one]).redacted) == [quoting]
    assert recall.search(Search(text="forgotten", scope=ANN)) == []
    assert len(recall.search(Search(text="tea", scope=ANN))) == 1


@pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)  # PostgreSQL's files are its own
def test_the_vectors_of_questions_that_may_quote_it_are_dropped_and_those_of_other_texts_kept(home: Home) -> None:
    embeddings = Embeddings(home, HashedEmbedder(64))
    records, recall = Records(home, embeddings=embeddings), Recall(home, embeddings=embeddings)
    one, _ = records.add([draft(SECRET), draft("tea at noon, or later")])
    question = f"is it true that {SECRET}?"
    recall.search(Search(text=question, scope=ANN))
    forget(records, [one])
    vectors = [vector.astype("<f4").tobytes() for vector in HashedEmbedder(64).embed([question, SECRET])]
    assert not any(vector in bytes_of(home) for vector in vectors)
    embeddings.of(["tea at noon, or later"])
    assert (embeddings.caching.hits, recall.search(Search(text="noon", scope=ANN)) != []) == (1, True)
    recall.close()


def test_a_twin_takes_along_the_quotations_of_what_it_said_before(records: Records) -> None:
    one, twin = records.add([draft(SECRET), Draft(text="the bell rings at noon", cause="2", scope=ANN)])
    with records.changing() as writer:
        writer.replace(records.get([twin])[twin], text=SECRET)
    (address,) = ContentStore(records.home).put("Remember: the bell rings at noon.")
    assert list(forget(records, [one]).twins) == [twin]
    assert ContentStore(records.home).get(address) == f"Remember: {FORGOTTEN}."


@pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)  # PostgreSQL's files are its own
def test_what_quoted_it_is_found_by_meaning_without_the_meaning_of_the_quotation(home: Home) -> None:
    embeddings = Embeddings(home, HashedEmbedder(64))
    records, recall = Records(home, embeddings=embeddings), Recall(home, embeddings=embeddings)
    one, quoting, edited = records.add(
        [Draft(text=SECRET + more, cause=more, scope=ANN) for more in ("", "! And tea.", "? No tea.")]
    )
    with records.changing() as writer:
        writer.replace(writer.read([edited])[edited], text="coffee at noon")
    asked = Search(text="And tea.", scope=ANN)
    assert recall.search(asked)
    assert list(forget(records, [one]).redacted) == [quoting]
    left = records.get([quoting])[quoting].text
    for quotation in (SECRET, f"{SECRET}! And tea.", f"{SECRET}? No tea."):
        (vector,) = HashedEmbedder(64).embed([quotation])
        assert vector.astype("<f4").tobytes() not in bytes_of(home)
    (vector,) = HashedEmbedder(64).embed([left])
    assert vector.astype("<f4").tobytes() in bytes_of(home)
    assert {hit.record.memory_id: "dense" in hit.why for hit in recall.search(asked)}[quoting]
    recall.close()


def test_a_search_in_another_process_no_longer_finds_it(records: Records, recall: Recall) -> None:
    (memory_id,) = records.add([draft("swordfish")])
    assert len(recall.search(Search(text="swordfish", scope=ANN))) == 1
    forget(records, [memory_id])
    assert recall.search(Search(text="swordfish", scope=ANN)) == []


def test_the_audit_trail_survives_a_purge(records: Records) -> None:
    memory_id, _ = records.add([draft(SECRET), draft("other")])
    forget(records, [memory_id], actor="ann")
    assert [(entry.event, entry.actor) for entry in records.history(memory_id)] == [
        ("add", "ratchet"),
        ("forget", "ann"),
    ]
    assert faults(records) == []


def test_a_summary_goes_with_its_member_and_the_others_come_back(records: Records, recall: Recall) -> None:
    ids = records.add([draft(f"sorting a list of numbers, attempt {n}", kind="episodic") for n in range(20)])
    (summary,) = tend(records, recall, ANN).summaries
    hidden = next(one for one in ids if records.get([one])[one].state == "consolidated")
    assert list(forget(records, [hidden]).summaries) == [summary]
    assert len(recall.listed(ANN, sight=Sight())) == 19


def test_forgetting_again_changes_nothing(records: Records) -> None:
    (memory_id,) = records.add([draft(SECRET)])
    assert len(forget(records, [memory_id]).memory_ids) == 1
    assert len(forget(records, [memory_id]).memory_ids) == 0


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_quotations_are_found_under_json_escapes(levels: int) -> None:
    stored = f"before {SECRET} after"
    for _ in range(levels):
        stored = json.dumps(stored)
    assert "swordfish" not in redacted(stored, [SECRET])


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE memory_log SET actor = 'nobody' WHERE seq = 2", "changed at entry 2"),
        ("DELETE FROM memory_log WHERE seq = 1", "changed at entry 1"),
        ("UPDATE memories SET text = 'altered' WHERE seq = 2", "does not say what was written down"),
        ("DELETE FROM memories WHERE seq = 2", "is missing"),
        ("INSERT INTO memory_log VALUES (4, 'x', 'add', '', '', '', '', '{}', 0.0, 'forged')", "changed at entry 4"),
    ],
)
def test_tampering_is_found(records: Records, statement: str, fault: str) -> None:
    records.add([draft("one"), draft("two"), draft("three")])
    with records.home.writing() as connection:
        connection.execute(text(statement))
    assert fault in faults(records)[0]


def test_an_export_imports_into_another_home_as_it_was(records: Records, tmp_path: Path) -> None:
    memory_id, _ = records.add([draft("one"), draft("two")])
    with records.changing() as writer:
        writer.replace(records.get([memory_id])[memory_id], text="one more")
        writer.move(writer.read([memory_id])[memory_id], "archived", cause="test")
    lines = sorted(exported(records, ANN))
    other_home = open_home(tmp_path / "other")
    other = Records(other_home)
    assert (imported(other, lines), imported(other, lines)) == (2, 0)
    assert (sorted(exported(other, ANN)), faults(other), other.earlier_texts(memory_id)) == (lines, [], [(1, "one")])
    other_home.close()


@pytest.mark.parametrize("line", ["{", "[]", '{"format": "other"}', '{"format": "ratchet-memory-1", "memory": {}}'])
def test_a_line_that_is_no_memory_is_named_and_nothing_is_stored(records: Records, line: str) -> None:
    records.add([draft("one")])
    (good,) = exported(records, ANN)
    with pytest.raises(MemoryRefusedError, match="line 2"):
        imported(records, [good, line])
