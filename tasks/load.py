"""Read task files: JSONL, plain or compressed, one task a line, in our schema or as HumanEval and MBPP lines."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from state.errors import SetupError
from state.task import Task
from storage.contents import canonical, digest_of
from tasks.build import finish
from tasks.humaneval import HumanEvalLine
from tasks.mbpp import MbppLine
from tasks.schema import TaskLine, problem_of

BUNDLED = {name: Path(__file__).parent / "katas" / f"{name}.jsonl" for name in ("katas", "hard")}
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, kw_only=True)
class LoadedTasks:
    """The tasks of one file, in its order."""

    tasks: list[Task]
    skipped: list[str]
    """What was wrong with each line left out; empty unless bad lines were to be skipped."""
    digest: str
    """Content address of all tasks and their splits, in any order: files with one digest measure the same."""


def resolve_tasks(name: str) -> Path:
    """Return the file a user means: a bundled set by its name ("katas", "hard"), else the path as it is.

    A file of that name in the working directory is reached as "./katas".
    """
    return BUNDLED.get(name, Path(name))


def load_tasks(path: Path, *, skip_invalid: bool = False) -> LoadedTasks:
    """Read every task of a file; lines of the three kinds may be mixed.

    skip_invalid: leave bad lines out and say so in `skipped`; without it the first bad line ends the reading.
    Raises SetupError, which names file, line, field and what to do: no such file, a directory, an empty file, bytes
    that are not UTF-8, invalid JSON, missing or unknown fields, wrong types, ids given twice, tasks without tests.
    """
    tasks: list[Task] = []
    skipped: list[str] = []
    line_of: dict[str, int] = {}
    for number, line in _lines(path):
        try:
            task = _new_task(line, line_of)
        except SetupError as error:
            problem = f"{path} line {number}: {error}"
            if not skip_invalid:
                raise SetupError(f"{problem}. Fix the line, or skip bad lines with --skip-invalid") from error
            skipped.append(problem)
            continue
        line_of[task["task_id"]] = number
        tasks.append(task)
    if not tasks:
        raise SetupError(f"{path} has no tasks ({len(skipped)} bad lines)" if skipped else f"{path} is empty")
    digest = digest_of(canonical(sorted([task["digest"], task["split"]] for task in tasks)))
    return LoadedTasks(tasks=tasks, skipped=skipped, digest=digest)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line) for every line that is not blank."""
    for number, line in enumerate(_read(path).removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise SetupError(f"{path} is a directory: name one .jsonl file in it")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SetupError(f"no task file {path}; bundled sets: {', '.join(BUNDLED)}") from error
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror}") from error
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise SetupError(f"{path} is a damaged gzip file ({error})") from error


def _new_task(line: bytes, line_of: Mapping[str, int]) -> Task:
    """Return the task of a line; raises SetupError when it is wrong or its id was given before."""
    fields = _fields(line)
    try:
        task = finish(_kind_of(fields).model_validate(fields).draft())
    except ValidationError as error:
        raise SetupError(problem_of(error, fields)) from error
    if task["task_id"] in line_of:
        raise SetupError(f"task_id {task['task_id']!r} is already on line {line_of[task['task_id']]}")
    return task


def _fields(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SetupError(f"not UTF-8 (byte {line[error.start]:#x} at column {error.start + 1})") from error
    except json.JSONDecodeError as error:
        raise SetupError(f"not JSON ({error.msg} at column {error.colno}); a task is one object on one line") from error
    except (ValueError, RecursionError) as error:
        raise SetupError("not JSON that Python can read (a number too long, or nested too deeply)") from error
    if not isinstance(value, dict):
        raise SetupError(f"a task is an object, not a {type(value).__name__}")
    return value


def _kind_of(fields: dict[str, object]) -> type[TaskLine | HumanEvalLine | MbppLine]:
    if "test_list" in fields:
        return MbppLine
    is_humaneval = isinstance(fields.get("test"), str) or "canonical_solution" in fields
    return HumanEvalLine if is_humaneval else TaskLine
