"""Chroma as a disposable mirror: it may break, the memory may not."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from memory.chroma_mirror import ChromaMirror
from memory.embedders import HashedEmbedder
from memory.embeddings import Embeddings
from memory.forget import forget
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from storage.contents import FORGOTTEN
from storage.engine import Home

ANN = Scope(user="ann")
EMBEDDER = HashedEmbedder(16)
WORDS = ("lighthouse", "orchestra", "volcano", "umbrella", "parliament")


@pytest.fixture
def stored(home: Home) -> dict[str, str]:
    records = Records(home, embeddings=Embeddings(home, EMBEDDER))
    return dict(zip(WORDS, records.add([Draft(text=word, cause=word, scope=ANN) for word in WORDS]), strict=True))


@pytest.fixture
def mirror(home: Home) -> Iterator[ChromaMirror]:
    opened = ChromaMirror(home)
    yield opened
    opened.close()


def bytes_of(home: Home) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(home.folder.rglob("*")) if path.is_file())


def nearest(mirror: ChromaMirror, text: str) -> list[str]:
    return mirror.nearest(ANN, EMBEDDER.name, EMBEDDER.embed([text])[0], 1)


def test_the_mirror_follows_the_log_without_texts_and_forgetting_leaves_no_vector_in_its_files(
    mirror: ChromaMirror, home: Home
) -> None:
    embeddings = Embeddings(home, EMBEDDER)
    records = Records(home, embeddings=embeddings)
    texts = ["the lighthouse is red", "the lighthouse is red! And tea.", "an orchestra at noon"]
    one, quoting, other = records.add([Draft(text=text, cause=text, scope=ANN) for text in texts])
    assert (nearest(mirror, texts[0]), mirror.catch_up(ANN, EMBEDDER.name, 3)) == ([], 3)
    assert not any(b"lighthouse" in path.read_bytes() for path in mirror.place.folder.rglob("*") if path.is_file())
    gone = [vector.astype("<f4").tobytes() for vector in EMBEDDER.embed(texts)]
    assert all(vector in bytes_of(home) for vector in gone)
    assert list(forget(records, [one]).redacted) == [quoting]
    assert [vector in bytes_of(home) for vector in gone] == [False, False, True]
    assert (mirror.catch_up(ANN, EMBEDDER.name, 5), mirror.catch_up(ANN, EMBEDDER.name, 5)) == (0, 2)
    assert (nearest(mirror, texts[2]), nearest(mirror, f"{FORGOTTEN}! And tea.")) == ([other], [quoting])
    assert [vector in bytes_of(home) for vector in gone] == [False, False, True]


def test_searches_go_on_over_a_corrupt_folder_and_it_is_rebuilt(
    mirror: ChromaMirror, stored: dict[str, str], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory.recall.EXACT_ROWS", 2)
    mirror.catch_up(ANN, EMBEDDER.name, 5)
    mirror.close()
    for path in mirror.place.folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"garbage" * 1000)
    recall = Recall(home, embeddings=Embeddings(home, EMBEDDER))
    again = recall.mirror
    assert again is not None
    while not again.rebuilt:
        assert recall.search(Search(text="volcano", scope=ANN))[0].record.memory_id == stored["volcano"]
    again.catch_up(ANN, EMBEDDER.name, 5)
    assert (again.rebuilt, nearest(again, "volcano")) == (1, [stored["volcano"]])
    recall.close()


def test_a_crash_of_its_process_is_not_ours(mirror: ChromaMirror, stored: dict[str, str]) -> None:
    mirror.catch_up(ANN, EMBEDDER.name, 5)
    assert mirror._process is not None
    os.kill(mirror._process.pid, signal.SIGSEGV)
    assert (nearest(mirror, "volcano"), mirror.rebuilt) == ([], 1)
    assert mirror.catch_up(ANN, EMBEDDER.name, 5) == 5


def test_a_large_scope_takes_candidates_from_the_mirror(
    home: Home, stored: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory.recall.EXACT_ROWS", 2)
    monkeypatch.setattr("memory.dense.EXACT_ROWS", 2)
    recall = Recall(home, embeddings=Embeddings(home, EMBEDDER))
    assert recall.mirror is not None
    recall.mirror.catch_up(ANN, EMBEDDER.name, 5)
    (hit, *_) = recall.search(Search(text="lighthousekeeper", scope=ANN))
    assert (hit.record.memory_id, "dense" in hit.parts) == (stored["lighthouse"], True)
    assert np.isfinite(hit.score)
    recall.close()
