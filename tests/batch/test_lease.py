import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch.lease import Lease, at_work
from state.errors import SetupError
from storage.engine import Home, open_home

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from batch.lease import Lease
from storage.engine import open_home
lease = Lease(Path(sys.argv[1]), open_home(Path(sys.argv[2]), sys.argv[3]))
print("held", flush=True)
sys.stdin.read()
"""
PRUNER = """
import sys
from pathlib import Path
from batch.lease import alone
from storage.engine import open_home
with alone(open_home(Path(sys.argv[1]), sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_is_worked_on_by_one_at_a_time_and_the_holder_is_named(tmp_path: Path, home: Home) -> None:
    lease = Lease(tmp_path / "runs" / "run-1", home)
    with pytest.raises(SetupError, match=f"run-1 is being worked on by process {os.getpid()}. Wait for it, or stop it"):
        Lease(tmp_path / "runs" / "run-1", home)
    lease.release()
    Lease(tmp_path / "runs" / "run-1", home).release()


def test_two_runs_do_not_wait_for_each_other(tmp_path: Path, home: Home) -> None:
    leases = [Lease(tmp_path / "runs" / name, home) for name in ("run-1", "run-2")]
    for lease in leases:
        lease.release()
    assert sorted(folder.name for folder in (tmp_path / "runs").iterdir()) == ["run-1", "run-2"]


def test_a_killed_process_holds_nothing(tmp_path: Path, home: Home) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "runs" / "run-1"), str(home.folder), home.url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SetupError, match=f"process {holder.pid}"):
            Lease(tmp_path / "runs" / "run-1", home)
        holder.kill()
    Lease(tmp_path / "runs" / "run-1", home).release()


def test_a_run_is_worked_on_by_one_machine_at_a_time(tmp_path: Path, postgres_database: str) -> None:
    here, there = (open_home(tmp_path / name, postgres_database) for name in ("here", "there"))
    lease = Lease(here.folder / "runs" / "run-1", here)
    with pytest.raises(SetupError, match="run-1 is being worked on by"):
        Lease(there.folder / "runs" / "run-1", there)
    lease.release()
    Lease(there.folder / "runs" / "run-1", there).release()
    here.close()
    there.close()


def test_while_one_machine_prunes_a_home_no_other_one_begins_to_work_on_it(
    tmp_path: Path, postgres_database: str
) -> None:
    here = open_home(tmp_path / "here", postgres_database)
    command = [sys.executable, "-c", PRUNER, str(tmp_path / "there"), postgres_database]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pruner:
        assert pruner.stdout is not None
        assert pruner.stdout.readline() == "held\n"
        with pytest.raises(SetupError, match=f"is being pruned by ratchet on .*process {pruner.pid}"):
            Lease(here.folder / "runs" / "run-1", here)
        with pytest.raises(SetupError, match="is being pruned"), at_work(here):
            pass
        pruner.kill()
    lease = Lease(here.folder / "runs" / "run-1", here)
    refused = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert "is being worked on" in refused.stderr
    lease.release()
    here.close()
