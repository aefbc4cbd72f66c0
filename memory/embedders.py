"""Dense embedders: optional, pluggable, and every vector says which one made it.

The default search needs none of them: it compares exact term vectors with corpus statistics (memory/bm25.py), which did
better on code than 1,024 hashed numbers and costs no storage. `HashedEmbedder` serves where a dense vector is a must.
"""

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from memory.words import terms_of
from state.errors import SetupError

Vectors: TypeAlias = NDArray[np.float32]

ONNX_FILES = ("model.onnx", "tokenizer.json")
_MOST_TOKENS = 256


class Embedder(Protocol):
    """Turns texts into vectors of length 1."""

    @property
    def name(self) -> str:
        """What made a vector: vectors of different names are never compared."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text."""


class HashedEmbedder:
    """Terms and their letter groups, hashed into `size` signed sums: offline, no download, 0.1 ms a text."""

    def __init__(self, size: int = 384) -> None:
        self._size = size

    @property
    def name(self) -> str:
        """Return the name with the number of dimensions."""
        return f"hashed-{self._size}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text; a text without terms gives zeros."""
        vectors = np.zeros((len(texts), self._size), np.float32)
        for row, text in enumerate(texts):
            for feature, weight in _features(text).items():
                number = zlib.crc32(feature.encode())
                vectors[row, number % self._size] += weight if number & 0x80000000 else -weight
        return _of_length_one(vectors)


class LangChainEmbedder:
    """Any LangChain `Embeddings`: OpenAI, Ollama, Hugging Face and so on."""

    def __init__(self, embeddings: Any, *, name: str = "") -> None:
        self._embeddings = embeddings
        self._name = name or f"{type(embeddings).__name__}-{getattr(embeddings, 'model', '')}".rstrip("-")

    @property
    def name(self) -> str:
        """Return the class and the model."""
        return self._name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, in one call of the library."""
        return _of_length_one(np.asarray(self._embeddings.embed_documents(list(texts)), np.float32))


class OnnxEmbedder:
    """A local sentence transformer (MiniLM and its like) from a folder with model.onnx and tokenizer.json.

    Texts are padded to the longest of a batch, not to the model's limit: five times faster on real texts.
    """

    def __init__(self, folder: Path) -> None:
        missing = [name for name in ONNX_FILES if not (folder / name).exists()]
        if missing:
            raise SetupError(f"no {missing[0]} in {folder}: put the model's ONNX files there")
        import onnxruntime  # type: ignore[import-untyped]
        from tokenizers import Tokenizer

        self._name = f"onnx-{folder.resolve().name}-{zlib.crc32((folder / ONNX_FILES[0]).read_bytes()):08x}"
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._tokenizer.enable_padding()
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        self._inputs = {part.name for part in self._session.get_inputs()}

    @property
    def name(self) -> str:
        """Return the folder's name and the model's checksum."""
        return self._name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text: the mean of its tokens' last hidden states."""
        tokens = self._tokenizer.encode_batch(list(texts))
        mask = np.array([token.attention_mask for token in tokens], np.int64)
        ids = np.array([token.ids for token in tokens], np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden, *_) = self._session.run(None, {key: value for key, value in given.items() if key in self._inputs})
        kept = mask[:, :, None].astype(np.float32)
        return _of_length_one((hidden * kept).sum(axis=1) / kept.sum(axis=1))


def embedder_named(name: str) -> Embedder | None:
    """Return the embedder of a setting: "" none, hashed[:SIZE], onnx:FOLDER, or PROVIDER:MODEL of LangChain's.

    Raises SetupError when there is no such embedder, or what it needs is missing.
    """
    kind, _, rest = name.partition(":")
    if not name:
        return None
    if kind == "hashed" and (not rest or rest.isdecimal()):
        return HashedEmbedder(int(rest)) if rest else HashedEmbedder()
    if kind == "onnx" and rest:
        return OnnxEmbedder(Path(rest))
    if not rest:
        raise SetupError(f"no embedder {name!r}; have: hashed, onnx:FOLDER, and LangChain's, such as openai:MODEL")
    from langchain.embeddings import init_embeddings

    try:
        return LangChainEmbedder(init_embeddings(name), name=name)
    except Exception as error:
        raise SetupError(f"embedder {name}: {error}") from error


def _features(text: str) -> dict[str, float]:
    """Return terms, and groups of three to five letters of each, with the logarithm of how often they occur."""
    counts: Counter[str] = Counter()
    for term in terms_of(text):
        framed = f"<{term}>"
        counts[term] += 1
        counts.update(framed[at : at + size] for size in (3, 4, 5) for at in range(len(framed) - size + 1))
    return {feature: 1 + math.log(count) for feature, count in counts.items()}


def _of_length_one(vectors: Vectors) -> Vectors:
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    unit: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit
