"""PostgreSQL is restarted, and crashes, in the middle of a run that goes on."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.kills import TIMES, command
from benchmarks.loopback_model import LoopbackModel, write_tasks
from benchmarks.postgres import NoPostgresError, Server, create_database
from storage.engine import open_home
from storage.tables import episodes, memories

TASKS = 40


@pytest.fixture
def server() -> Iterator[Server]:
    """Start a server that nobody else uses."""
    try:
        own = Server()
    except NoPostgresError as error:
        pytest.skip(str(error))
    yield own
    own.stop()


def test_a_run_goes_on_over_restarts_and_ends_like_an_undisturbed_one(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = write_tasks(tmp_path / "tasks.jsonl", TASKS)
    url = create_database(server.url, "ratchet")
    with LoopbackModel(delay_s=0.1).serving() as model:
        subprocess.run(command(tasks, tmp_path / "whole", model.base_url), check=True, capture_output=True)
        undisturbed = len(model.requests)
        monkeypatch.setenv("RATCHET_DATABASE_URL", url)
        run = subprocess.Popen(
            command(tasks, tmp_path / "restarted", model.base_url), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for asked, how in ((8, signal.SIGINT), (24, signal.SIGQUIT)):
            while len(model.requests) < undisturbed + asked and run.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    run.wait(timeout=0.02)
            server.stop(keep=True, how=how)
            server.start()
        _, said = run.communicate(timeout=120)

    assert run.returncode == 0, said.decode()
    assert rows(tmp_path / "restarted", url) == rows(tmp_path / "whole")


def rows(folder: Path, url: str = "") -> list[list[dict[str, object]]]:
    """Return the ledger and what is remembered, but for times."""
    home = open_home(folder, url)
    columns = [memories.c.memory_id, memories.c.kind, memories.c.text, memories.c.state]
    with home.reading() as connection:
        kept = [
            [dict(row) for row in connection.execute(query).mappings()]
            for query in (select(episodes).order_by(episodes.c.episode_id), select(*columns).order_by(columns[0]))
        ]
    home.close()
    assert len(kept[0]) == TASKS
    return [[{name: value for name, value in row.items() if name not in TIMES} for row in table] for table in kept]
