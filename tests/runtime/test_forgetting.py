"""After forgetting, a text is in no byte of the home, and everything that quoted it still opens."""

import html
import json
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypedDict

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from sqlalchemy import insert, select

from checkpoints.redaction import redact_checkpoints
from checkpoints.savers import CHECKPOINT_FILE, close_saver, open_saver
from memory.forget import forget
from memory.record import Draft, Scope
from memory.records import Records
from memory.transfer import faults
from runtime.forgetting import forget_everywhere
from state.errors import TransientError
from storage.contents import FORGOTTEN, ContentStore
from storage.engine import Home, open_home
from storage.keys import KEY_VARIABLE, new_key
from storage.tables import contents, prompt_sets

ANN, BOB = Scope(user="ann"), Scope(user="bob")
SECRET = 'the tower\'s <password> is "swordfish"\nand nothing else'


class Notes(TypedDict):
    """A thread that quotes a memory."""

    messages: list[dict[str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path)
    yield opened
    opened.close()


def graph_on(saver: object) -> object:
    graph = StateGraph(Notes)
    graph.add_node("ask", lambda _: {"messages": [{"said": f"Remember: {SECRET}."}]})
    graph.add_node("wait", lambda _: interrupt(f"Is it true that {SECRET}?") and {"messages": []})
    graph.add_edge(START, "ask")
    graph.add_edge("ask", "wait")
    graph.add_edge("wait", END)
    return graph.compile(checkpointer=saver)  # type: ignore[arg-type]


def occurrences(home: Home) -> list[str]:
    """Return the files, and the contents inside of compression, that hold the secret word."""
    found = [str(path) for path in home.folder.rglob("*") if path.is_file() and b"swordfish" in path.read_bytes()]
    with home.reading() as connection:
        bodies = connection.execute(select(contents)).all()
    return found + [row.digest for row in bodies if b"swordfish" in zlib.decompress(row.body)]


def test_a_forgotten_text_is_in_no_byte_of_a_home_that_quotes_it_everywhere(home: Home) -> None:
    records = Records(home)
    memory_id, *_ = records.add([Draft(text=text, cause=text, scope=ANN) for text in (SECRET, "tea", "coffee")])
    ContentStore(home).put(SECRET, json.dumps([{"content": f"Remember: {SECRET}"}]))
    with home.writing() as connection:
        row = {"prompt_set": "p", "components": json.dumps({"skills": SECRET}), "parents": "[]", "author": ""}
        connection.execute(insert(prompt_sets).values(**row, created_at=0.0))
    report = home.folder / "runs" / "run-1" / "report.html"
    report.parent.mkdir(parents=True)
    report.write_text(f"<p>{html.escape(SECRET)}</p>")
    config: RunnableConfig = {"configurable": {"thread_id": "t"}, "metadata": {"note": SECRET}}
    saver = open_saver(home)
    graph_on(saver).invoke({"messages": []}, config)  # type: ignore[attr-defined]
    close_saver(saver)
    assert len(occurrences(home)) >= 4

    forgotten = forget_everywhere(records, [memory_id])

    assert occurrences(home) == []
    assert forgotten.quotations >= 5
    assert (report.read_text(), faults(records)) == (f"<p>{FORGOTTEN}</p>", [])
    saver = open_saver(home)
    snapshot = graph_on(saver).get_state(config)  # type: ignore[attr-defined]
    close_saver(saver)
    assert snapshot.values == {"messages": [{"said": f"Remember: {FORGOTTEN}."}]}
    assert (snapshot.next, snapshot.tasks[0].interrupts[0].value) == (("wait",), f"Is it true that {FORGOTTEN}?")


def test_messages_of_a_library_in_a_checkpoint_lose_the_quotation_as_well(home: Home) -> None:
    saver = open_saver(home)
    kind, stored = saver.serde.dumps_typed({"message": HumanMessage(f"I say {SECRET}"), "n": {1: 2.5}})
    row = ("t", "", "c", "task", "", 0, "messages", kind, stored)
    saver.conn.execute("INSERT INTO writes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    saver.conn.commit()
    assert redact_checkpoints(home, [SECRET]) == 1
    ((found,),) = saver.conn.execute("SELECT value FROM writes").fetchall()
    assert saver.serde.loads_typed((kind, found)) == {"message": HumanMessage(f"I say {FORGOTTEN}"), "n": {1: 2.5}}
    close_saver(saver)
    assert b"swordfish" not in (home.folder / CHECKPOINT_FILE).read_bytes()


def test_memories_that_say_the_same_go_with_it_and_those_that_quote_it_lose_the_quotation(home: Home) -> None:
    records = Records(home)
    one, twin, quoting = records.add(
        [Draft(text=t, cause=str(n), scope=ANN) for n, t in enumerate([SECRET, SECRET, f"{SECRET}! And tea."])]
    )
    forgotten = forget_everywhere(records, [one])
    assert (list(forgotten.twins), list(forgotten.redacted)) == ([twin], [quoting])
    assert records.get([one, twin, quoting])[quoting].text == f"{FORGOTTEN}! And tea."
    assert (occurrences(home), faults(records)) == ([], [])


@pytest.mark.parametrize(("everywhere", "left"), [(False, 1), (True, 0)])
def test_another_scope_keeps_its_own_unless_everything_is_meant(home: Home, everywhere: bool, left: int) -> None:
    records = Records(home)
    of_ann, of_bob = records.add([Draft(text=SECRET, cause="1", scope=scope) for scope in (ANN, BOB)])
    forgotten = forget_everywhere(records, [of_ann], everywhere=everywhere)
    assert len(records.get([of_bob])) == left
    assert list(forgotten.elsewhere) == [of_bob][:left]


def test_a_redacted_text_that_is_stored_again_is_whole_again(home: Home) -> None:
    records = Records(home)
    (memory_id,) = records.add([Draft(text=SECRET, cause="1", scope=ANN)])
    (address,) = ContentStore(home).put(f"task: {SECRET}")
    forget_everywhere(records, [memory_id])
    assert ContentStore(home).get(address) == f"task: {FORGOTTEN}"
    ContentStore(home).put(f"task: {SECRET}")
    assert ContentStore(home).get(address) == f"task: {SECRET}"


def test_an_interrupted_purge_is_finished_by_the_same_call(home: Home) -> None:
    records = Records(home)
    (memory_id,) = records.add([Draft(text=SECRET, cause="1", scope=ANN)])
    saver = open_saver(home)
    graph_on(saver).invoke({"messages": []}, {"configurable": {"thread_id": "t"}})  # type: ignore[attr-defined]
    saver.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    graph_on(saver).invoke({"messages": []}, {"configurable": {"thread_id": "u"}})  # type: ignore[attr-defined]
    reading = saver.conn.execute("SELECT * FROM checkpoints")
    reading.fetchone()
    impatient = partial(redact_checkpoints, home, wait_s=0)
    with pytest.raises(TransientError, match="reading"):
        forget(records, [memory_id], purgers=[impatient])
    assert records.get([memory_id]) != {}
    reading.close()
    close_saver(saver)
    forget_everywhere(records, [memory_id])
    assert (occurrences(home), records.get([memory_id])) == ([], {})


def test_forgetting_reaches_the_checkpoints_and_texts_of_an_encrypted_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    home = open_home(tmp_path / "sealed")
    records = Records(home)
    (memory_id,) = records.add([Draft(text=SECRET, cause="1", scope=ANN)])
    (address,) = ContentStore(home).put(f"task: {SECRET}")
    config: RunnableConfig = {"configurable": {"thread_id": "t"}}
    saver = open_saver(home)
    graph_on(saver).invoke({"messages": []}, config)  # type: ignore[attr-defined]
    close_saver(saver)

    forgotten = forget_everywhere(records, [memory_id])

    saver = open_saver(home)
    snapshot = graph_on(saver).get_state(config)  # type: ignore[attr-defined]
    close_saver(saver)
    assert snapshot.values == {"messages": [{"said": f"Remember: {FORGOTTEN}."}]}
    assert snapshot.tasks[0].interrupts[0].value == f"Is it true that {FORGOTTEN}?"
    assert ContentStore(home).get(address) == f"task: {FORGOTTEN}"
    assert (forgotten.quotations >= 2, records.get([memory_id]), faults(records)) == (True, {}, [])
    home.close()
