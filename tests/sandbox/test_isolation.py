"""Levels of isolation: proven, reported, required, never silently weaker."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.canaries import ATTACKS, breaches
from sandbox.doctor import examine
from sandbox.local import LocalSandbox
from sandbox.lockdown import LEVELS
from sandbox.protocol import Job, Limits
from state.errors import SetupError

JOB = Job(
    program="def f():\n    return 1",
    entry_point="f",
    tests=[{"kind": "call", "args": "()", "expected": "1", "visible": True}],
)
WITHOUT_NAMESPACES = [sys.executable, str(Path(__file__).parent / "without_namespaces.py")]


def run_without_namespaces(code: str) -> str:
    finished = subprocess.run([*WITHOUT_NAMESPACES, code], capture_output=True, text=True, check=True)
    return finished.stdout.strip()


@pytest.mark.parametrize("level", LEVELS)
def test_the_report_says_which_level_was_active(level) -> None:
    sandbox = LocalSandbox(1, strongest=level)
    reached = sandbox.run(JOB, Limits())["isolation"]
    sandbox.close()
    assert LEVELS.index(reached) >= LEVELS.index(level)


def test_a_level_that_a_successful_attack_contradicts_is_refused() -> None:
    assert breaches("full", ["send by UDP"]) == ["send by UDP"]
    assert breaches("landlock", ["take more disk than allowed"]) == []
    assert breaches("rlimit", list(ATTACKS)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_where_namespaces_are_refused_the_next_level_is_used_and_named() -> None:
    level, _, refusals = run_without_namespaces("""
from sandbox.local import LocalSandbox
sandbox = LocalSandbox(1)
print(sandbox.greet()["level"], sandbox.greet()["refusals"])
sandbox.close()
""").partition(" ")
    assert level in ("landlock", "rlimit")
    assert "unshare" in refusals


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_a_required_level_that_is_not_available_is_refused_with_a_clear_sentence() -> None:
    told = run_without_namespaces("""
from sandbox.local import LocalSandbox
try:
    LocalSandbox(1, require="full").greet()
except Exception as error:
    print(type(error).__name__, error)
""")
    assert told.startswith("SetupError this machine does not allow the isolation level 'full' that is required")


def test_a_contradictory_wish_is_refused() -> None:
    with pytest.raises(SetupError, match="can't require 'full'"):
        LocalSandbox(1, require="full", strongest="rlimit")


def test_the_doctor_names_every_layer_and_why_it_is_missing() -> None:
    rows = examine()
    assert rows[0][0] == "level"
    assert {name for name, _, _ in rows} >= {"namespaces", "private files", "landlock", "seccomp", "rlimits", "cgroups"}
    assert all(detail for _, _, detail in rows)
