"""A sentence transformer from files: a real model in miniature, run by onnxruntime."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from memory.embedders import OnnxEmbedder, embedder_named

VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "tea": 2, "coffee": 3, "rain": 4}
STATES = np.array([[9, 9], [0, 0], [1, 0], [0, 1], [3, 4]], "<f4")  # one row per token; that of padding is noise


def field(number: int, value: bytes | int) -> bytes:
    """Return a field of a protocol buffer."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([value])


def tensor_info(name: bytes, kind: int, *axes: bytes) -> bytes:
    shape = b"".join(field(1, field(2, axis)) for axis in axes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with a model that looks a row up per token, and its tokenizer."""
    float32, int64 = 1, 7
    node = field(1, b"states") + field(1, b"input_ids") + field(2, b"last_hidden_state") + field(4, b"Gather")
    dims = b"".join(field(1, size) for size in STATES.shape)
    table = dims + field(2, float32) + field(8, b"states") + field(9, STATES.tobytes())
    outputs = field(12, tensor_info(b"last_hidden_state", float32, b"b", b"s", b"d"))
    inputs = field(11, tensor_info(b"input_ids", int64, b"b", b"s"))
    graph = field(1, node) + field(2, b"tiny") + field(5, table) + inputs + outputs
    (tmp_path / "model.onnx").write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13)))
    tokenizer = Tokenizer(WordLevel(VOCABULARY, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_a_text_is_the_mean_of_its_tokens_whatever_it_is_padded_with(folder: Path) -> None:
    embedder = OnnxEmbedder(folder)
    together = embedder.embed(["rain", "tea coffee", "tea"])
    assert together == pytest.approx(np.array([[0.6, 0.8], [0.5**0.5, 0.5**0.5], [1.0, 0.0]]), abs=1e-6)
    assert embedder.embed(["tea"]) == pytest.approx(together[2:])


def test_another_model_in_the_same_place_has_another_name(folder: Path) -> None:
    before = OnnxEmbedder(folder).name
    model = folder / "model.onnx"
    model.write_bytes(model.read_bytes().replace(STATES.tobytes(), (STATES * 2).tobytes()))
    after = embedder_named(f"onnx:{folder}")
    assert after is not None
    assert (after.name != before, after.name.startswith(f"onnx-{folder.name}-")) == (True, True)
