"""One sandbox for the tests of a module, and short ways to run a program in it."""

from collections.abc import Callable, Iterator

import pytest

from sandbox.local import LocalSandbox
from sandbox.protocol import Job, Limits
from state.task import Test
from state.verdict import ExecutionReport

Run = Callable[..., ExecutionReport]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    sandbox = LocalSandbox(1)
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def run(sandbox: LocalSandbox) -> Run:
    """Run a program against tests: `run(program, *tests, entry_point="f", cpu_s=2, …)`."""

    def run_it(
        program: str, *tests: Test, entry_point: str = "f", limits: Limits | None = None, **job: object
    ) -> object:
        limits = limits or Limits(cpu_s=2, wall_s=20)
        return sandbox.run(Job(program=program, entry_point=entry_point, tests=tests, **job), limits)

    return run_it


@pytest.fixture
def call() -> Callable[[str, str], Test]:
    return lambda args, expected: {"kind": "call", "args": args, "expected": expected, "visible": True}


@pytest.fixture
def holds() -> Callable[[str], Test]:
    return lambda code: {"kind": "assert", "code": code, "visible": True}


@pytest.fixture
def stdio() -> Callable[[str, str], Test]:
    return lambda stdin, stdout: {"kind": "stdio", "stdin": stdin, "stdout": stdout, "visible": True}
