"""Kill Ray's actors and restart PostgreSQL under a run; its ledger is that of an undisturbed local run.

    python -m benchmarks.ray_kills [--tasks 2000] [--kills 10] [--restarts 2] [--actors 2] [--seed 0]

Both runs are `ratchet run` processes; the model is a server on loopback that counts what it is asked. The kills hit
whole processes with SIGKILL at moments spread over the run. The local run keeps a SQLite file, the other one a
PostgreSQL database of its own; --restarts 0 keeps both in files.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import select

from benchmarks.kills import TIMES
from benchmarks.loopback_model import LoopbackModel, write_tasks
from benchmarks.postgres import Server
from storage.engine import Home, open_home
from storage.rows import Cell
from storage.tables import episodes, failures

ACTOR = b"ray::EpisodeActor"


def command(tasks: Path, home: Path, base_url: str, *more: str) -> list[str]:
    """Return the command of a run."""
    return [
        sys.executable, "-m", "cli", "run", str(tasks), "--model", "openai:adder", "--base-url", base_url,
        "--home", str(home), "--batch-size", "200", "--concurrency", "16", "--json", *more,
    ]  # fmt: skip


def actors_of(process: int) -> list[int]:
    """Return the actors among the descendants of a process."""
    parent_of: dict[int, int] = {}
    titles: dict[int, bytes] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            titles[int(folder.name)] = (folder / "cmdline").read_bytes()
            parent_of[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended

    def descends(pid: int) -> bool:
        while pid in parent_of and pid != process:
            pid = parent_of[pid]
        return pid == process

    return sorted(pid for pid, title in titles.items() if title.startswith(ACTOR) and descends(pid))


def rows_of(home: Home) -> list[dict[str, Cell]]:
    """Return the ledger without its times, by episode id."""
    with home.reading() as connection:
        rows = connection.execute(select(episodes).order_by(episodes.c.episode_id)).mappings().all()
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def progress_of(home: Home) -> int:
    """Return how many episodes have a result."""
    with home.reading() as connection:
        return len(connection.execute(select(episodes.c.episode_id)).all())


def disturb(
    process: "subprocess.Popen[bytes]",
    home: Home,
    plan: list[tuple[int, str]],
    server: Server | None,
    draw: random.Random,
) -> Counter[str]:
    """Carry out what is planned, each once so many episodes have results; return what was done."""
    done: Counter[str] = Counter()
    for at, what in plan:
        while process.poll() is None and progress_of(home) < at:
            time.sleep(0.05)
        if what == "restart" and server is not None and process.poll() is None:
            server.stop(keep=True)
            server.start()
            done[what] += 1
            continue
        while process.poll() is None:
            if actors := actors_of(process.pid):
                os.kill(draw.choice(actors), signal.SIGKILL)
                done[what] += 1
                break
            time.sleep(0.05)
    process.wait()
    return done


def main() -> None:
    """Print what was done and what came of it; exit 1 when the ledgers differ or an episode has no result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--delay-s", type=float, default=0.02, help="the model's latency")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ray-kills-"))
    tasks = write_tasks(folder / "tasks.jsonl", options.tasks)
    server = Server("-c", "synchronous_commit=off") if options.restarts else None
    environment = os.environ | ({"RATCHET_DATABASE_URL": server.url} if server else {})
    draw = random.Random(f"{options.seed}:disturbances")
    kinds = ["kill"] * options.kills + ["restart"] * options.restarts
    draw.shuffle(kinds)
    marks = sorted(draw.randrange(options.tasks // 50, options.tasks * 19 // 20) for _ in kinds)
    try:
        with LoopbackModel(options.delay_s).serving() as model:
            local = command(tasks, folder / "local", model.base_url)
            began = time.monotonic()
            subprocess.run(local, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            local_s, undisturbed = time.monotonic() - began, len(model.requests)
            whole = open_home(folder / "local")
            url = server.url if server else ""
            disturbed = open_home(folder / "ray", url)
            began = time.monotonic()
            with (folder / "log").open("w") as log:
                process = subprocess.Popen(
                    command(tasks, folder / "ray", model.base_url, "--engine", "ray", "--actors", str(options.actors)),
                    stdout=subprocess.DEVNULL, stderr=log, env=environment,
                )  # fmt: skip
            done = disturb(process, disturbed, list(zip(marks, kinds, strict=True)), server, draw)
            ray_s, requests = time.monotonic() - began, len(model.requests) - undisturbed
        with disturbed.reading() as connection:
            unscored = len(connection.execute(select(failures.c.episode_id)).all())
        rows = rows_of(disturbed)
        same = rows == rows_of(whole)
        result = {
            "episodes": len(rows),
            "actors killed": done["kill"],
            "PostgreSQL restarted": done["restart"],
            "exit code": process.returncode,
            "episodes without a result": unscored,
            "ledger equal to the local run's but for times": same,
            "model requests, local": undisturbed,
            "model requests, on Ray": requests,
            "seconds, local": round(local_s, 1),
            "seconds, on Ray": round(ray_s, 1),
        }
        print(json.dumps(result, indent=1))
        if process.returncode:
            print((folder / "log").read_text()[-2000:], file=sys.stderr)
        whole.close()
        disturbed.close()
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder)
    sys.exit(0 if same and not unscored and not process.returncode else 1)


if __name__ == "__main__":
    main()
