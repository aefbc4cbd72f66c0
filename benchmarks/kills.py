"""SIGKILL a run at random moments, continue it each time, and compare the end with an undisturbed run.

    python -m benchmarks.kills [--kills 20] [--tasks 300] [--seed 0]

The independent marker is the model's own server: it notes every request. An episode that was in the ledger
when the process died must cause no further request.
"""

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.loopback_model import LoopbackModel, write_tasks

TIMES = {"model_s", "sandbox_s", "wall_s", "finished_at"}


def command(tasks: Path, home: Path, base_url: str) -> list[str]:
    """Return the command that starts, or continues, the run."""
    return [
        sys.executable, "-m", "cli", "run", str(tasks), "--model", "openai:adder", "--base-url", base_url,
        "--home", str(home), "--batch-size", "100", "--tend-every", "20", "--json",
    ]  # fmt: skip


def ledger_rows(home: Path) -> list[dict[str, object]]:
    """Return the ledger without its times, by episode id."""
    file = home / "ratchet.db"
    if not file.exists():
        return []
    connection = sqlite3.connect(file)
    connection.row_factory = sqlite3.Row
    try:
        rows = connection.execute("SELECT * FROM episodes ORDER BY episode_id").fetchall()
    except sqlite3.OperationalError:
        return []  # killed before the tables were made
    finally:
        connection.close()
    return [{key: value for key, value in dict(row).items() if key not in TIMES} for row in rows]


def memory_rows(home: Path) -> list[tuple[object, ...]]:
    """Return what the memory holds but for times: records with their states, groups, uses, and what care did."""
    queries = (
        "SELECT memory_id, kind, text, code, state, hidden_run, hidden_batch FROM memories ORDER BY memory_id",
        "SELECT run_id, batch, memory_id, group_id FROM memory_groups ORDER BY 1, 2, 3",
        "SELECT memory_id, cause, reward, baseline, run_id, batch FROM memory_uses ORDER BY 1, 2",
        "SELECT run_id, batch, counts FROM care_rounds ORDER BY 1, 2",
    )
    connection = sqlite3.connect(home / "ratchet.db")
    try:
        return [row for query in queries for row in connection.execute(query)]
    finally:
        connection.close()


def killed_run(tasks: Path, home: Path, model: LoopbackModel, kills: int, draw: random.Random) -> int:
    """Run to the end through a number of kills; return how many requests came for episodes that had finished."""
    again = 0
    for number in range(kills):
        done = {str(row["task_id"]).replace("/", "_") for row in ledger_rows(home)}
        before = len(model.requests)
        process = subprocess.Popen(
            command(tasks, home, model.base_url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # one kill in five hits while the process starts; the others while it works
        if number % 5 == 0:
            time.sleep(draw.uniform(0.1, 4.0))
        else:
            while process.poll() is None and len(model.requests) == before:
                time.sleep(0.01)
            time.sleep(draw.uniform(0.0, 1.0))
        process.kill()
        process.wait()
        again += sum(name in done for name, _ in model.requests[before:])
        print(f"kill {number + 1}: {len(ledger_rows(home))} episodes in the ledger", file=sys.stderr)
    done = {str(row["task_id"]).replace("/", "_") for row in ledger_rows(home)}
    before = len(model.requests)
    subprocess.run(command(tasks, home, model.base_url), check=True, stdout=subprocess.DEVNULL)
    return again + sum(name in done for name, _ in model.requests[before:])


def main() -> None:
    """Print the comparison; exit 1 when the two runs differ or a finished episode ran again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--delay-s", type=float, default=0.05, help="the model's latency")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    tasks = write_tasks(folder / "tasks.jsonl", options.tasks)
    with LoopbackModel(options.delay_s).serving() as model:
        subprocess.run(command(tasks, folder / "whole", model.base_url), check=True, stdout=subprocess.DEVNULL)
        undisturbed = len(model.requests)
        again = killed_run(tasks, folder / "killed", model, options.kills, random.Random(options.seed))
        with_kills = len(model.requests) - undisturbed
    same_ledger = ledger_rows(folder / "whole") == ledger_rows(folder / "killed")
    same_memory = memory_rows(folder / "whole") == memory_rows(folder / "killed")
    result = {
        "kills": options.kills,
        "episodes": len(ledger_rows(folder / "killed")),
        "ledger identical but for times": same_ledger,
        "memories, groups, uses and care identical": same_memory,
        "finished episodes executed again": again,
        "model requests, undisturbed": undisturbed,
        "model requests, with kills": with_kills,
    }
    print(json.dumps(result, indent=1))
    shutil.rmtree(folder)
    sys.exit(0 if same_ledger and same_memory and again == 0 else 1)


if __name__ == "__main__":
    main()
