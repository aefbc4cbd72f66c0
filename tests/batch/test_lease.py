import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch.lease import Lease
from state.errors import SetupError

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from batch.lease import Lease
lease = Lease(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_run_is_worked_on_by_one_at_a_time_and_the_holder_is_named(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "run-1")
    with pytest.raises(SetupError, match=f"run-1 is being worked on by process {os.getpid()}. Wait for it, or stop it"):
        Lease(tmp_path / "run-1")
    lease.release()
    Lease(tmp_path / "run-1").release()


def test_two_runs_do_not_wait_for_each_other(tmp_path: Path) -> None:
    leases = [Lease(tmp_path / name) for name in ("run-1", "run-2")]
    for lease in leases:
        lease.release()
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["run-1", "run-2"]


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run-1")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SetupError, match=f"process {holder.pid}"):
            Lease(tmp_path / "run-1")
        holder.kill()
    Lease(tmp_path / "run-1").release()
