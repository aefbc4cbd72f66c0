"""`checkpoints export` and `import`: a run or an episode as one file, to be shown and forked in another home."""

import base64
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Table, select

from batch.lease import at_work
from checkpoints.care import ADDRESS, addresses_in, texts_at
from checkpoints.history import history
from checkpoints.lineage import Lineage
from checkpoints.savers import PLAIN, threads_beginning
from memory.records import Records
from state.errors import SetupError
from state.json_values import JsonObject, JsonValue
from storage.contents import FORGOTTEN, digest_of
from storage.engine import insert_new
from storage.tables import episodes, forks, prompt_sets, run_episodes, runs
from workbench.bench import Workbench

FORMAT, VERSION = "ratchet checkpoints", 1
# Rows that travel with threads: by which column they are found.
ROWS: dict[str, tuple[Table, str]] = {
    "run": (runs, "run_id"),
    "place": (run_episodes, "run_id"),
    "episode": (episodes, "episode_id"),
    "fork": (forks, "fork_id"),
    "prompt_set": (prompt_sets, "prompt_set"),
}
IDS_PER_QUERY = 500


def export_threads(bench: Workbench, name: str, path: Path) -> int:
    """Write a run with all its episodes, or one episode, with their forks, results, prompts and texts; return how many.

    The file is JSON lines, compressed; it is written whole or not at all. Memories stay in the home: export those with
    the memory's own command. Raises SetupError when there is no such run or episode, or the file cannot be written.
    """
    run = bench.run_of(name)
    run_ids = [run["run_id"]] if run else []
    ids = _threads_of_run(bench, run["run_id"]) if run else [bench.thread_of(name)]
    forked = [row["fork_id"] for row in Lineage(bench.home).family(ids) if row["fork_id"] not in ids]
    ids += [fork_id for fork_id in forked if not fork_id.startswith("run-")]  # a run is exported by itself
    threads = [thread_id for thread_id in ids if history(bench.saver, thread_id)]
    temporary = path.with_name(path.name + ".part")
    try:
        with gzip.open(temporary, "wt", encoding="utf-8") as file:
            for line in _lines(bench, ids, threads, run_ids):
                file.write(json.dumps(line, ensure_ascii=True) + "\n")
        os.replace(temporary, path)
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from error
    return len(threads)


class Imported(NamedTuple):
    """What an import came to."""

    new: int
    """Threads that were not here before."""
    known: int
    """Threads that were."""
    absent_memories: int
    """Memories that its episodes were shown and that this home does not have: they do not travel with threads."""


def import_threads(bench: Workbench, path: Path) -> Imported:
    """Read a file that `export_threads` wrote; return how many threads are new, and what they refer to in vain.

    Doing it twice changes nothing. Raises SetupError for a file that is none, or of a newer version, or damaged, and
    while the home is being pruned.
    """
    _check(path)  # before anything is written; a file may be large, so it is read again for each kind
    with at_work(bench.home):
        new, known = _taken_in(bench, path)
    return Imported(new, known, _absent_memories(bench, path))


def _taken_in(bench: Workbench, path: Path) -> tuple[int, int]:
    for line in _read(path):
        if line["kind"] == "text" and line.get("redacted"):
            bench.contents.put_redacted(line["address"], line["text"])
        elif line["kind"] == "text":
            bench.contents.put(line["text"])
    new, known = 0, 0
    points = (line for line in _read(path) if line["kind"] == "checkpoint")
    for thread_id, lines in groupby(points, key=lambda line: str(line["thread_id"])):
        is_new = _put_thread(bench, thread_id, list(lines))
        new, known = new + is_new, known + (not is_new)
    with bench.home.writing() as connection:  # last: what a row names is there
        for line in _read(path):
            if line["kind"] in ROWS:
                insert_new(connection, ROWS[line["kind"]][0], [line["row"]])
    return new, known


def _absent_memories(bench: Workbench, path: Path) -> int:
    rows = (line["row"] for line in _read(path) if line["kind"] == "episode")
    shown = {memory_id for row in rows for memory_id in json.loads(row["outcome"]).get("memories", [])}
    return len(shown - Records(bench.home).get(sorted(shown)).keys())


def _threads_of_run(bench: Workbench, run_id: str) -> list[str]:
    periods = threads_beginning(bench.saver, f"{run_id}:")
    of_run = dict.fromkeys(row["episode_id"] for _, row in bench.ledger.episodes_of(run_id))
    return [run_id, *periods, *of_run]


def _lines(bench: Workbench, ids: list[str], threads: list[str], run_ids: list[str]) -> Iterator[JsonObject]:
    yield {"kind": "head", "format": FORMAT, "version": VERSION}
    addresses: set[str] = set()
    sets: set[str] = set()
    for row in _rows(bench, "episode", ids):
        addresses |= {row["row"]["task"]}
        sets |= {row["row"]["prompt_set"]}
        yield row
    for kind, wanted in (("run", run_ids), ("place", run_ids), ("fork", ids), ("prompt_set", sorted(sets))):
        yield from _rows(bench, kind, wanted)
    for thread_id in threads:
        addresses |= addresses_in(bench.saver, thread_id)
        for point in history(bench.saver, thread_id):
            parts = {"checkpoint": point.checkpoint, "metadata": point.metadata, "writes": point.pending_writes}
            parent = point.parent_config["configurable"]["checkpoint_id"] if point.parent_config else None
            packed = {name: _packed(part) for name, part in parts.items()}
            yield {"kind": "checkpoint", "thread_id": thread_id, "parent": parent, **packed}
    for address, text in texts_at(bench.home, addresses):
        mark = {} if digest_of(text) == address else {"redacted": True}  # by forgetting what it quoted
        yield {"kind": "text", "address": address, "text": text, **mark}


def _rows(bench: Workbench, kind: str, values: list[str]) -> Iterator[JsonObject]:
    table, column = ROWS[kind]
    for start in range(0, len(values), IDS_PER_QUERY):
        query = select(table).where(table.c[column].in_(values[start : start + IDS_PER_QUERY]))
        with bench.home.reading() as connection:
            found = connection.execute(query).mappings().all()
        yield from ({"kind": kind, "row": dict(row)} for row in found)


def _packed(value: JsonValue) -> list[str]:
    kind, body = PLAIN.dumps_typed(value)
    return [kind, base64.b64encode(body).decode("ascii")]


def _put_thread(bench: Workbench, thread_id: str, lines: Sequence[JsonObject]) -> bool:
    """Write a thread's checkpoints; return whether any was new. A thread that went on here by itself stays as it is."""
    points = [_unpacked(line) for line in lines]
    here = {point.checkpoint["id"] for point in history(bench.saver, thread_id)}
    given = {checkpoint["id"] for checkpoint, _, _ in points}
    if not given - here or here - given:
        return False
    for line, (checkpoint, metadata, writes) in zip(lines, points, strict=True):
        _put(bench, line, checkpoint, metadata, writes)
    return True


def _unpacked(line: JsonObject) -> tuple[JsonValue, JsonValue, JsonValue]:
    checkpoint, metadata, writes = (
        PLAIN.loads_typed((line[name][0], base64.b64decode(line[name][1], validate=True)))
        for name in ("checkpoint", "metadata", "writes")
    )
    return checkpoint, metadata, writes


def _check(path: Path) -> None:
    for number, line in enumerate(_read(path), 2):
        try:
            _check_line(line)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, NotImplementedError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise SetupError(f"{path} is damaged: line {number}: {reason}. Export it once more") from error


def _check_line(line: JsonObject) -> None:
    """Raise one of the errors that broken data brings about when a line cannot be written as it is."""
    kind = line["kind"]
    if kind == "text":
        whole = digest_of(line["text"]) == line["address"]
        if not whole and not (
            line.get("redacted") and FORGOTTEN in line["text"] and ADDRESS.fullmatch(line["address"])
        ):
            raise ValueError(f"the text at {line['address']} is another one")
    elif kind == "checkpoint":
        checkpoint, metadata, writes = _unpacked(line)
        if not isinstance(line["thread_id"], str) or not isinstance(line["parent"], str | None):
            raise ValueError("its ids are no texts")
        _ = checkpoint["id"], checkpoint["channel_versions"], metadata.items(), _by_task(writes)
    elif kind in ROWS:
        _check_row(ROWS[kind][0], line["row"])
    else:
        raise ValueError(f"there is no kind {kind!r}")


def _check_row(table: Table, row: JsonObject) -> None:
    if unknown := row.keys() - set(table.columns.keys()):
        raise ValueError(f"{table.name} has no {', '.join(sorted(unknown))}")
    for column in table.columns:
        value = row.get(column.name) if column.nullable or column.server_default is not None else row[column.name]
        if value is None and column.name in row and not column.nullable:
            raise ValueError(f"{column.name} is empty")
        if not isinstance(value, str | int | float | None):
            raise TypeError(f"{column.name} is neither text nor number")


def _put(bench: Workbench, line: JsonObject, checkpoint: JsonValue, metadata: JsonValue, writes: JsonValue) -> None:
    place: JsonObject = {"thread_id": line["thread_id"], "checkpoint_ns": ""}
    if line["parent"]:
        place["checkpoint_id"] = line["parent"]
    written = bench.saver.put({"configurable": place}, checkpoint, metadata, checkpoint["channel_versions"])
    for task_id, pending in _by_task(writes):
        bench.saver.put_writes(written, pending, task_id)


def _by_task(writes: Iterable[JsonValue]) -> list[tuple[str, list[tuple[str, JsonValue]]]]:
    found: dict[str, list[tuple[str, JsonValue]]] = {}
    for task_id, channel, value in writes or []:
        found.setdefault(task_id, []).append((channel, value))
    return list(found.items())


def _read(path: Path) -> Iterator[JsonObject]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            head = json.loads(next(file, "{}"))
            if not isinstance(head, dict) or head.get("format") != FORMAT:
                raise SetupError(f"{path} is no export of checkpoints")
            if not isinstance(head.get("version"), int):
                raise SetupError(f"{path} is damaged: it does not say its version")
            if head["version"] > VERSION:
                raise SetupError(f"{path} was written by a newer version of ratchet: update, then import it")
            for line in file:
                yield json.loads(line)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(f"cannot read {path}: {reason}") from error
