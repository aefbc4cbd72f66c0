"""Many callers, workers that die, and nothing left behind."""

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.local import LocalSandbox
from sandbox.protocol import Job, Limits
from state.errors import TransientError

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

HOSTILE = (
    "import os\ndef f(n):\n    os.fork()\n    open(f'left{n}', 'w')\n    return n",
    "import os\ndef f(n):\n    if os.fork() == 0:\n        os.setsid()\n        while True: pass\n    return n",
    "import os\ndef f(n):\n    os._exit(0)",
    "import os\nheld = [os.open('/dev/null', 0) for _ in range(30)]\ndef f(n):\n    return held",
    "def f(n):\n    return 'x' * (1 << 22)",
)


def job(program: str, n: int = 1) -> Job:
    tests = [{"kind": "call", "args": f"({n},)", "expected": str(n), "visible": True}]
    return Job(program=program, entry_point="f", tests=tests)


def processes() -> dict[int, list[str]]:
    """Return every descendant with the names of its open descriptors."""
    found, waiting = {}, [os.getpid()]
    while waiting:
        pid = waiting.pop()
        for task in os.listdir(f"/proc/{pid}/task"):
            waiting += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        found[pid] = []
        with contextlib.suppress(PermissionError):  # an ordinary user may not look into processes that are locked up
            found[pid] = os.listdir(f"/proc/{pid}/fd")
    return found


def test_many_threads_may_call_at_once() -> None:
    sandbox = LocalSandbox(2)
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda n: sandbox.run(job("def f(n):\n    return n", n), Limits()), range(40)))
    sandbox.close()
    assert [report["verdicts"][0]["status"] for report in reports] == ["passed"] * 40


@linux
def test_a_worker_that_dies_is_an_infrastructure_error_and_is_replaced() -> None:
    sandbox = LocalSandbox(1)
    sandbox.greet()
    (worker,) = map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()[-1:])
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(TransientError):
        sandbox.run(job("def f(n):\n    return n"), Limits())
    assert sandbox.run(job("def f(n):\n    return n"), Limits())["verdicts"][0]["status"] == "passed"
    sandbox.close()


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put temporary files into a folder of our own, which a sandbox that runs as nobody can pass."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@linux
def test_hundreds_of_programs_leave_no_process_no_descriptor_and_no_file(folder: Path) -> None:
    before, sandbox = processes(), LocalSandbox(2)
    sandbox.run(job("def f(n):\n    return n"), Limits())
    draws = random.Random("hostile programs among honest ones")
    for n in range(300):
        program = draws.choice(HOSTILE) if n % 10 == 0 else "def f(n):\n    return n"
        report = sandbox.run(job(program, n), Limits(cpu_s=1, wall_s=5))
        assert n % 10 == 0 or report["verdicts"][0]["status"] == "passed"
    running = processes()
    assert len(running) - len(before) <= 4  # a worker, its zygote with the process that waits for it, a child ahead
    assert sum(map(len, running.values())) - sum(map(len, before.values())) < 60
    sandbox.close()
    assert processes().keys() == before.keys()
    assert list(folder.iterdir()) == []


LEAVE = """
import builtins, math, os
builtins.left = math.pi = 3
os.environ["LEFT"] = "1"
def f():
    open("left", "w")
"""
LOOK = """
import builtins, math, os
def f():
    return [hasattr(builtins, "left"), math.pi == 3, "LEFT" in os.environ, os.listdir()]
"""


def test_programs_do_not_see_what_earlier_ones_did(run, call) -> None:
    assert run(LEAVE, call("()", "None"))["verdicts"][0]["status"] == "passed"
    assert run(LOOK, call("()", "[False, False, False, []]"))["verdicts"][0]["status"] == "passed"


def test_what_remains_possible_is_to_special_case_inputs_that_tests_repeat(run, call) -> None:
    report = run("def f(n):\n    return {3: 9, 5: 25}[n]", call("(3,)", "9"), call("(5,)", "25"), call("(6,)", "36"))
    assert [verdict["status"] for verdict in report["verdicts"]] == ["passed", "passed", "error"]


def test_what_remains_possible_is_to_satisfy_a_test_that_compares_the_program_with_itself(run, holds) -> None:
    program = "class Same:\n    def __eq__(self, other): return True\ndef f(n):\n    return Same()"
    report = run(program, holds("assert f(1) == f(2)\nassert f(1) == 2"))
    assert [verdict["status"] for verdict in report["verdicts"]] == ["passed", "failed"]
