"""Killed in mid-add, written by several processes: nothing acknowledged is lost, nothing is there by half."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memory.index import Sight
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from memory.transfer import faults
from storage.engine import open_home

ANN = Scope(user="ann")
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("either_database")
# Adds batches for ever and says after each how many records are stored.
WRITER = """
import os
import sys
from pathlib import Path
from memory.record import Draft, Scope
from memory.records import Records
from storage.engine import open_home
name, size, most = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
records = Records(open_home(Path(sys.argv[1]), os.environ["DATABASE_URL"]))
for batch in range(most):
    texts = [f"{name} item {batch * size + number}" for number in range(size)]
    records.add([Draft(text=text, cause=text, scope=Scope(user="ann")) for text in texts])
    print((batch + 1) * size, flush=True)
"""


# Says when it sees what another one added; at a word it deletes its own, and says when that of the other is gone.
WATCHER = """
import os
import sys
from pathlib import Path
from memory.forget import erase
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from storage.engine import open_home
own, other = sys.argv[2], sys.argv[3]
home = open_home(Path(sys.argv[1]), os.environ["DATABASE_URL"])
records, recall, ann = Records(home), Recall(home), Scope(user="ann")
(memory_id,) = records.add([Draft(text=own, cause=own, scope=ann)])
while not recall.search(Search(text=other, scope=ann)):
    pass
print("seen", flush=True)
sys.stdin.readline()
with records.changing() as writer:
    erase(writer, writer.read([memory_id]))
while recall.search(Search(text=other, scope=ann)):
    pass
print("gone", flush=True)
"""


@pytest.fixture(autouse=True)
def found_by_its_processes(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def writer(folder: Path, name: str, size: int, most: int = 10**9) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(folder), name, str(size), str(most)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("size", "acknowledgements"), [(1, 30), (50, 3), (500, 2)])
def test_a_killed_writer_leaves_whole_batches_and_loses_none_it_acknowledged(
    tmp_path: Path, database_url: str, size: int, acknowledgements: int
) -> None:
    process = writer(tmp_path, "killed", size)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(acknowledgements)][-1]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].split()
    home = open_home(tmp_path, database_url)
    recall = Recall(home)
    stored = len(recall.listed(ANN, sight=Sight(), limit=10**6))
    assert stored >= int(rest[-1] if rest else acknowledged)
    assert stored % size == 0
    assert faults(Records(home)) == []
    assert len(recall.search(Search(text="killed item 3", scope=ANN))) > 0
    recall.close()
    home.close()


def test_four_processes_write_one_home_and_each_sees_what_the_others_did(tmp_path: Path, database_url: str) -> None:
    home = open_home(tmp_path, database_url)
    recall = Recall(home)
    for process in [writer(tmp_path, f"writer{number}", 5, most=20) for number in range(4)]:
        process.communicate()
        assert process.returncode == 0
    assert len(recall.listed(ANN, sight=Sight(), limit=1000)) == 400
    assert {hit.record.text.split()[0] for hit in recall.search(Search(text="item 7", scope=ANN, limit=4))} == {
        f"writer{number}" for number in range(4)
    }
    assert faults(Records(home)) == []
    recall.close()
    home.close()


def test_every_writer_sees_what_another_one_adds_and_deletes(tmp_path: Path, database_url: str) -> None:
    open_home(tmp_path, database_url).close()
    watchers = [
        subprocess.Popen(
            [sys.executable, "-c", WATCHER, str(tmp_path), own, other], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for own, other in (("lighthouse", "volcano"), ("volcano", "lighthouse"))
    ]  # fmt: skip
    assert [one.stdout.readline() for one in watchers if one.stdout] == ["seen\n", "seen\n"]
    for one in watchers:
        assert one.stdin is not None
        one.stdin.write("now\n")
        one.stdin.flush()
    assert [one.communicate(timeout=60)[0] for one in watchers] == ["gone\n", "gone\n"]


def test_a_refused_batch_leaves_nothing(tmp_path: Path, database_url: str) -> None:
    home = open_home(tmp_path, database_url)
    good, bad = Draft(text="good", cause="1", scope=ANN), Draft(text=" ", cause="2", scope=ANN)
    with pytest.raises(ValueError, match="needs a text"):
        Records(home).add([good, bad])
    assert Records(home).get([good.memory_id]) == {}
    home.close()
