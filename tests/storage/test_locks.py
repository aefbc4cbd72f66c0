"""One process at a time holds a name, on both databases."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.engine import Home
from storage.locks import locks_of

HOLDER = """
import sys
from pathlib import Path
from storage.engine import open_home
from storage.locks import locks_of
locks = locks_of(open_home(Path(sys.argv[1]), sys.argv[2]))
print(locks.take("episode"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(home: Home) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Start a process that takes a name of the home and keeps it until it is killed."""
    started = []

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", HOLDER, str(home.folder), home.url]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_name_that_a_process_holds_is_taken_by_nobody_else_until_it_is_killed(
    home: Home, holder: Callable[[], "subprocess.Popen[str]"]
) -> None:
    process, locks = holder(), locks_of(home)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    assert not locks.take("episode")
    assert locks.take("another episode")
    process.kill()
    process.wait()
    while not locks.take("episode"):  # the server notices a moment later
        pass
    assert locks.take("another episode") is False


def test_a_name_is_held_once_within_a_process_and_free_after_its_release(home: Home) -> None:
    locks = locks_of(home)
    assert (locks.take("a"), locks.take("a")) == (True, False)
    locks.release("a")
    locks.release("never held")
    assert locks.take("a")
