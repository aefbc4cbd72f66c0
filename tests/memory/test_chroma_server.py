"""The mirror on a Chroma server: the same as the folder, for several machines, and no more needed than the folder."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from memory.chroma_mirror import _LOCK, ChromaMirror
from memory.embedders import HashedEmbedder
from memory.embeddings import Embeddings
from memory.forget import forget
from memory.log import tail
from memory.mirror_place import reach, servers_to_clean
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from storage.engine import Home
from storage.locks import locks_of

ANN = Scope(user="ann")
EMBEDDER = HashedEmbedder(16)
WORDS = ("lighthouse", "orchestra", "volcano", "umbrella", "parliament")


class Server:
    """`chroma run` on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it, and return once it answers."""
        program = Path(sys.executable).with_name("chroma")
        command = [program, "run", "--host", "127.0.0.1", "--port", str(self.port), "--path", self._folder]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while self._process.poll() is None:
            with suppress(OSError):
                return reach(self.url)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.05)
        raise AssertionError("chroma did not start")

    def stop(self) -> None:
        """End it, as a machine that fails does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def collections(self) -> set[str]:
        """Return the names of what it holds."""
        with urlopen(f"{self.url}/api/v2/tenants/default_tenant/databases/default_database/collections") as answer:
            return {one["name"] for one in json.load(answer)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("chroma"))
    yield started
    started.stop()


@pytest.fixture
def records(home: Home) -> Records:
    return Records(home, embeddings=Embeddings(home, EMBEDDER))


@pytest.fixture
def ids(records: Records) -> list[str]:
    return records.add([Draft(text=word, cause=word, scope=ANN) for word in WORDS])


def last(home: Home) -> int:
    with home.reading() as connection:
        return tail(connection)[0]


def nearest(mirror: ChromaMirror, text: str) -> list[str]:
    return mirror.nearest(ANN, EMBEDDER.name, EMBEDDER.embed([text])[0], 10)


def by_likeness(ids: list[str], text: str) -> list[str]:
    """Return the ids of WORDS as an exact comparison ranks them."""
    likeness = EMBEDDER.embed(WORDS) @ EMBEDDER.embed([text])[0]
    return [ids[place] for place in np.argsort(-likeness)]


def test_a_server_is_fed_once_for_all_machines_and_keeps_nothing_that_was_forgotten(
    server: Server, records: Records, ids: list[str], home: Home
) -> None:
    one, other, others = ChromaMirror(home, server.url), ChromaMirror(home, server.url), server.collections()
    locks_of(home).take(_LOCK)
    assert one.catch_up(ANN, EMBEDDER.name, 5) == 0, "somebody else is feeding it"
    locks_of(home).release(_LOCK)
    assert [mirror.catch_up(ANN, EMBEDDER.name, 5) for mirror in (one, other)] == [5, 0]
    assert nearest(one, "volcanoes") == nearest(other, "volcanoes") == by_likeness(ids, "volcanoes")
    [before] = server.collections() - others

    forget(records, [ids[2]])

    assert (server.collections(), nearest(one, "volcanoes")) == (others, [])
    assert one.catch_up(ANN, EMBEDDER.name, last(home)) == 4
    assert nearest(one, "volcanoes") == [one for one in by_likeness(ids, "volcanoes") if one != ids[2]]
    assert before not in server.collections()
    one.close()
    other.close()


def test_searches_go_on_while_the_server_is_away_and_say_so_once(
    server: Server,
    records: Records,
    ids: list[str],
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("memory.recall.EXACT_ROWS", 2)
    home.mirror_url, others = server.url, server.collections()
    recall = Recall(home, embeddings=records.embeddings)
    assert recall.mirror is not None
    recall.mirror.catch_up(ANN, EMBEDDER.name, 5)
    held = server.collections() - others
    server.stop()

    for word in WORDS[:2]:
        hit, *_ = recall.search(Search(text=word, scope=ANN))
        assert hit.record.text == word
    assert recall.mirror.catch_up(ANN, EMBEDDER.name, 5) == 0
    assert ["does not answer: searches go on" in record.getMessage() for record in caplog.records] == [True]
    forget(records, [ids[0]])
    assert servers_to_clean(home) == [server.url]

    server.start()
    assert recall.mirror.catch_up(ANN, EMBEDDER.name, last(home)) == 4
    assert (servers_to_clean(home), len(held), held & server.collections()) == ([], 1, set())
    recall.close()
