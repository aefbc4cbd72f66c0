"""Dense embedders: stored with the record, cached by text, never mixed."""

from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy import func, select

from memory.dense import Matrix
from memory.embedders import HashedEmbedder, LangChainEmbedder, OnnxEmbedder, Vectors
from memory.embeddings import Embeddings
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from state.errors import SetupError
from storage.engine import Home
from storage.tables import memory_vectors

ANN = Scope(user="ann")
MEANINGS = {"car": 0, "automobile": 0, "tree": 1, "oak": 1}


class Thesaurus:
    """A tiny embedder that knows synonyms, and counts its calls."""

    name = "thesaurus"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts.extend(texts)
        return np.stack([np.eye(3, dtype=np.float32)[MEANINGS.get(text, 2)] for text in texts])


def draft(text: str) -> Draft:
    return Draft(text=text, cause=text, scope=ANN)


def test_a_synonym_is_found_with_an_embedder(home: Home) -> None:
    embeddings = Embeddings(home, Thesaurus())
    Records(home, embeddings=embeddings).add([draft("automobile"), draft("oak")])
    recall = Recall(home, embeddings=embeddings)
    (hit,) = recall.search(Search(text="car", scope=ANN))
    assert (hit.record.text, list(hit.parts)) == ("automobile", ["dense"])
    recall.close()


def test_the_same_text_is_never_embedded_twice(home: Home) -> None:
    thesaurus = Thesaurus()
    embeddings = Embeddings(home, thesaurus)
    embeddings.of(["car", "car", "tree"])
    Embeddings(home, thesaurus).of(["tree", "car"])
    assert sorted(thesaurus.texts) == ["car", "tree"]


def test_a_change_of_embedder_is_a_job_and_never_a_mixture(home: Home) -> None:
    Records(home, embeddings=Embeddings(home, HashedEmbedder(8))).add([draft("automobile")])
    embeddings = Embeddings(home, Thesaurus())
    recall = Recall(home, embeddings=embeddings)
    assert recall.search(Search(text="car", scope=ANN)) == []
    assert (embeddings.embed_missing(), embeddings.embed_missing()) == (1, 0)
    recall.drop_indexes()
    assert [hit.record.text for hit in recall.search(Search(text="car", scope=ANN))] == ["automobile"]
    recall.close()


def test_what_is_merged_leaves_no_vector_behind(home: Home) -> None:
    records = Records(home, embeddings=Embeddings(home, HashedEmbedder(8)))
    records.add([draft("automobile")])
    records.add([draft("automobile")])
    with home.reading() as connection:
        assert connection.execute(select(func.count()).select_from(memory_vectors)).scalar_one() == 1


def test_hashed_vectors_have_length_one_and_liken_misspelt_words() -> None:
    one, near, far = HashedEmbedder().embed(["restaurant", "restuarant", "lighthouse"])
    assert one @ one == pytest.approx(1.0, abs=1e-5)
    assert one @ near > 0.3 > abs(one @ far)


def test_any_langchain_embeddings_will_do() -> None:
    from langchain_core.embeddings import DeterministicFakeEmbedding

    embedder = LangChainEmbedder(DeterministicFakeEmbedding(size=4))
    vectors = embedder.embed(["a", "b"])
    assert (embedder.name, vectors.shape) == ("DeterministicFakeEmbedding", (2, 4))
    assert float((vectors[0] ** 2).sum()) == pytest.approx(1.0, abs=1e-5)


def test_a_folder_without_a_model_is_refused_by_name(home: Home) -> None:
    with pytest.raises(SetupError, match=r"no model\.onnx in"):
        OnnxEmbedder(home.folder)


def test_large_scopes_compare_the_best_lexical_rows_only() -> None:
    matrix, size = Matrix(), 20_001
    for row in (0, size - 1):
        matrix.put(row, np.array([1.0, 0.0], np.float32))
    lexical = np.zeros(size)
    lexical[0] = 1.0
    asked = np.array([1.0, 0.0], np.float32)
    found = [matrix.cosine(asked, np.ones(size, bool), lexical, np.array(near, np.intp)) for near in ([], [size - 1])]
    assert [(cosine[0], cosine[-1]) for cosine in found] == [(1.0, 0.0), (1.0, 1.0)]
