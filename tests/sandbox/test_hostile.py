"""Every program of the corpus gets the verdict it deserves and leaves nothing behind."""

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.local import LocalSandbox
from sandbox.protocol import Job, Limits
from state.task import Test
from state.verdict import ExecutionReport

CORPUS = Path(__file__).parent / "hostile"
CHECK = (
    "def check(candidate):\n    assert candidate(3) == 9\n    assert candidate(5) == 25\n    assert candidate(0) == 0\n"
)
TASKS: dict[str, list[Test]] = {
    "square": [
        {"kind": "check", "code": CHECK, "visible": False},
        {"kind": "call", "args": "(7,)", "expected": "49", "visible": False},
        {"kind": "assert", "code": "assert abs(solve(11) - 121) < 1e-6", "visible": False},
    ],
    "sorted": [
        {"kind": "assert", "code": "assert 2 in solve([3, 1, 2])", "visible": False},
        {"kind": "call", "args": "([3, 1, 2],)", "expected": "[1, 2, 3]", "visible": False},
    ],
    "stopped": [{"kind": "call", "args": "()", "expected": "'stopped'", "visible": False}],
    "script": [{"kind": "stdio", "stdin": "3\n", "stdout": "9\n", "visible": False}],
}
LIMITS = Limits(cpu_s=1, wall_s=60, memory_mb=128)
WAITING = Limits(cpu_s=1, wall_s=1, memory_mb=128)


@dataclass(frozen=True)
class Hostile:
    """A program of the corpus, what is expected of it, and the task it is given."""

    name: str
    expectation: str
    task: str
    waits: bool
    text: str

    def run(self, sandbox: LocalSandbox, outside: "Outside") -> ExecutionReport:
        program = self.text.replace("@NUL@", "\0")
        for mark, value in outside.places.items():
            program = program.replace(mark, value)
        entry_point = "" if self.task == "script" else "solve"
        job = Job(program=program, entry_point=entry_point, tests=TASKS[self.task])
        return sandbox.run(job, WAITING if self.waits else LIMITS)


class Outside:
    """What a program must not reach: a file, a folder, a listening port and this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o777)
        (folder / "file").write_text("untouched")
        (folder / "file").chmod(0o666)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.places = {
            "@FILE@": str(folder / "file"),
            "@FOLDER@": str(folder),
            "@PORT@": str(self.listener.getsockname()[1]),
            "@PID@": str(os.getpid()),
        }

    def is_untouched(self) -> bool:
        try:
            self.listener.accept()
        except BlockingIOError:
            names = [path.name for path in self.folder.iterdir()]
            mode = (self.folder / "file").stat().st_mode & 0o777
            return names == ["file"] and mode == 0o666 and (self.folder / "file").read_text() == "untouched"
        return False


def corpus() -> list[Hostile]:
    programs = []
    for path in sorted(CORPUS.glob("*.txt")):
        for part in re.split(r"^### ", path.read_text(), flags=re.MULTILINE)[1:]:
            header, text = part.split("\n", 1)
            name, expectation, task, *marks = header.split(" | ")
            programs.append(Hostile(f"{path.stem}-{name}", expectation, task, "waits" in marks, text))
    return programs


def as_expected(expectation: str, report: ExecutionReport) -> bool:
    if expectation in ("passed", "refused"):
        all_passed = all(verdict["status"] == "passed" for verdict in report["verdicts"])
        return all_passed == (expectation == "passed")
    if expectation == "harmless":
        return True
    first = next((verdict["status"] for verdict in report["verdicts"] if verdict["status"] != "passed"), "passed")
    return first == expectation


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    outside = Outside(tmp_path_factory.mktemp("outside"))
    yield outside
    outside.listener.close()


@pytest.mark.parametrize("hostile", corpus(), ids=lambda hostile: hostile.name)
def test_a_program_gets_the_verdict_it_deserves(hostile: Hostile, sandbox: LocalSandbox, outside: Outside) -> None:
    report = hostile.run(sandbox, outside)
    assert as_expected(hostile.expectation, report), report
    assert outside.is_untouched()


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    names = [hostile.name for hostile in corpus()]
    assert len(set(names)) == len(names) >= 120
