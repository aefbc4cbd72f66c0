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


def nearest(mirror: ChromaMirror, text: str) -> list[str]:
    return mirror.nearest(ANN, EMBEDDER.name, EMBEDDER.embed([text])[0], 1)


def test_the_mirror_catches_up_with_the_log_and_holds_no_text(
    mirror: ChromaMirror, stored: dict[str, str], home: Home
) -> None:
    assert nearest(mirror, "volcano") == []
    assert mirror.catch_up(ANN, EMBEDDER.name, 5) == 5
    assert nearest(mirror, "volcano") == [stored["volcano"]]
    forget(Records(home), [stored["volcano"]])
    assert mirror.catch_up(ANN, EMBEDDER.name, 6) == 0
    assert nearest(mirror, "volcano") != [stored["volcano"]]
    assert not any(b"volcano" in path.read_bytes() for path in mirror.folder.rglob("*") if path.is_file())


def test_a_corrupt_folder_costs_the_candidates_and_is_rebuilt(mirror: ChromaMirror, stored: dict[str, str]) -> None:
    mirror.catch_up(ANN, EMBEDDER.name, 5)
    mirror.close()
    for path in mirror.folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"garbage" * 1000)
    again = ChromaMirror(mirror._home)
    assert (again.catch_up(ANN, EMBEDDER.name, 5), again.rebuilt) == (0, 1)
    assert again.catch_up(ANN, EMBEDDER.name, 5) == 5
    assert nearest(again, "volcano") == [stored["volcano"]]
    again.close()


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
