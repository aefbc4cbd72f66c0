"""What saving a checkpoint costs on PostgreSQL, by ways of saving it, in turns on one server that uses its disk.

    python -m benchmarks.checkpoint_price [--checkpoints 1000] [--kib 4]

Each time what a node wrote and the checkpoint that follows. LangGraph's own saver, with two commits; ours, which looks
up whether the checkpoint before it is there, and commits once; both commit lazily, as a home's checkpoints do. The
third one is LangGraph's with commits that wait for the disk, which would need no look-up.
"""

import argparse
import os
import statistics
import time
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg.rows import dict_row

from benchmarks.postgres import Server
from checkpoints.postgres import WholeSaver
from storage.postgres import connect

WAYS: dict[str, tuple[type[PostgresSaver], str]] = {
    "LangGraph's, two lazy commits": (PostgresSaver, "off"),
    "ours with its look-up, one lazy commit": (WholeSaver, "off"),
    "LangGraph's, commits wait for the disk": (PostgresSaver, "on"),
}


def measured(url: str, count: int, size_bytes: int) -> dict[str, list[float]]:
    """Return the seconds that every checkpoint took, by way; each way has a thread and a connection of its own."""
    savers, took = {}, {}
    places: dict[str, RunnableConfig] = {}
    for name, (kind, commits) in WAYS.items():
        connection = connect(url, autocommit=True, row_factory=dict_row, prepare_threshold=0)
        connection.execute(f"SET synchronous_commit TO {commits}".encode())
        savers[name] = kind(connection)
        savers[name].setup()
        places[name] = {"configurable": {"thread_id": name, "checkpoint_ns": ""}}
        took[name] = list[float]()
    for number in range(count):
        for name, saver in savers.items():
            versions: Any = {"attempt": f"{number:06}"}
            state = {"attempt": {"text": os.urandom(size_bytes // 2).hex()}}
            checkpoint: Any = {**empty_checkpoint(), "channel_values": state, "channel_versions": versions}
            began = time.perf_counter()
            if "checkpoint_id" in places[name]["configurable"]:
                saver.put_writes(places[name], list(state.items()), f"task {number}")
            places[name] = saver.put(places[name], checkpoint, {}, versions)
            took[name].append(time.perf_counter() - began)
    return took


def main() -> None:
    """Print the median and the ninth decile of each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=int, default=1000)
    parser.add_argument("--kib", type=float, default=4.0, help="size of a state")
    options = parser.parse_args()
    server = Server("-c", "fsync=on")
    try:
        took = measured(server.url, options.checkpoints, round(options.kib * 1024))
    finally:
        server.stop()
    print(f"{'ms per super-step':40} median  9th decile")
    for name, times in took.items():
        print(f"{name:40} {statistics.median(times) * 1e3:6.2f}  {statistics.quantiles(times, n=10)[-1] * 1e3:10.2f}")


if __name__ == "__main__":
    main()
