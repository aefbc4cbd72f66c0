"""What every memory command needs: the home's records, a searcher, and words that name a memory or a filter."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.show import opened_home
from memory.embedders import embedder_named
from memory.embeddings import Embeddings
from memory.recall import Recall
from memory.record import MemoryRefusedError, Record
from memory.records import Records
from runtime.homes import home_of
from runtime.settings import load_settings
from state.errors import SetupError
from state.json_values import JsonObject, JsonValue
from storage.engine import Home

_FILTER = re.compile(r"\s*([\w.-]+)\s*(!=|>=|<=|=|>|<|~)\s*(.*)", re.DOTALL)
_OPERATORS = {"=": "eq", "!=": "ne", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "~": "icontains"}


@dataclass(frozen=True, slots=True)
class OpenMemory:
    """The memory of a home."""

    home: Home
    records: Records
    recall: Recall
    embeddings: Embeddings | None

    def id_of(self, beginning: str) -> str:
        """Return the one id that begins so, of a memory that is there or was forgotten; raises SetupError."""
        found = self.records.named(beginning)
        if beginning in found or len(found) == 1:
            return found[0]
        if not found:
            raise SetupError(f"no memory {beginning!r} in {self.home.name}; `ratchet memory list` shows the ids")
        raise SetupError(f"{beginning!r} is the beginning of {len(found)} ids or more: {', '.join(found[:3])} …")

    def record(self, beginning: str) -> Record:
        """Return the memory whose id begins so; raises SetupError when there is none, or it was forgotten."""
        memory_id = self.id_of(beginning)
        found = self.records.get([memory_id]).get(memory_id)
        if found is None:
            raise SetupError(f"memory {memory_id} was forgotten; `ratchet memory history {beginning}` says when")
        return found


@contextmanager
def opened_memory(home: Path | None, *, make: bool = False) -> Iterator[OpenMemory]:
    """Open the memory of a home; with `make` the home is made where there is none.

    What the memory refuses becomes a SetupError: the user named it.
    """
    settings = load_settings(home=home)
    if make:
        home_of(settings).close()
    with opened_home(home) as opened:
        embedder = embedder_named(settings.embedder)
        embeddings = Embeddings(opened, embedder) if embedder else None
        recall = Recall(opened, embeddings=embeddings)
        try:
            yield OpenMemory(opened, Records(opened, embeddings=embeddings), recall, embeddings)
        except MemoryRefusedError as error:
            raise SetupError(str(error)) from error
        finally:
            recall.close()


def filters_of(given: Sequence[str]) -> JsonObject:
    """Return filters as the memory takes them; raises SetupError for one that cannot be read."""
    parts = [_filter_of(one) for one in given]
    return {"AND": parts} if parts else {}


def pairs_of(given: Sequence[str]) -> JsonObject:
    """Return FIELD=VALUE pairs; values that are JSON are taken as such."""
    pairs = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise SetupError(f"attribute {one!r}: write FIELD=VALUE, such as speaker=Ann or level=3")
        pairs[name.strip()] = _value_of(value)
    return pairs


def _filter_of(text: str) -> JsonObject:
    if text.lstrip().startswith("{"):
        try:
            loaded: JsonObject = json.loads(text)
        except ValueError as error:
            raise SetupError(f"filter {text!r} is no JSON: {error}") from error
        return loaded
    found = _FILTER.fullmatch(text)
    if found is None:
        raise SetupError(
            f"cannot read the filter {text!r}: write FIELD=VALUE, with = != > >= < <= or ~ (contains), "
            'or JSON such as \'{"OR": [{"level": "easy"}, {"tests": {"gte": 3}}]}\''
        )
    name, sign, value = found.groups()
    return {name: {_OPERATORS[sign]: value if sign == "~" else _value_of(value)}}


def _value_of(text: str) -> JsonValue:
    try:
        return json.loads(text)
    except ValueError:
        return text
