"""A process that tends the memory of a home and may be killed in it: `python care_victim.py HOME [CHANNEL]`.

CHANNEL: the process dies by SIGKILL when a node has had its effect and its write of this channel is about to be saved.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver

from checkpoints.savers import close_saver, open_saver
from checkpoints.threads import drive, thread_config
from graphs.memory_care import memory_care_graph
from graphs.version import graph_version
from runtime.build import open_services
from runtime.context import SERVICES, Context
from runtime.settings import load_settings
from state.memory_item import Horizon, MemoryDraft

HORIZON: Horizon = {"watermark": 0, "run_id": "run-1", "batch": 4}
TOPICS = ("sorting a list of numbers quickly", "parsing dates out of log files", "walking a graph breadth first")


def tend(home: Path, dies_at: str = "") -> dict[str, Any]:
    """Tend the memory before batch 4 of a run, or continue to; return the counts."""
    services = open_services(load_settings(home=home, batch_size=10))
    saver = open_saver(services.home)
    context = Context(**{name: getattr(services, name) for name in SERVICES})
    graph = memory_care_graph()
    compiled = graph.compile(checkpointer=mortal(saver, dies_at))
    start = {"run_id": "run-1", "period": 40, "horizon": HORIZON}
    end = drive(compiled, thread_config("run-1:tend", graph_version(graph)), start, context)
    close_saver(saver)
    services.close()
    return end


def mortal(saver: SqliteSaver, channel: str) -> SqliteSaver:
    """Make the saver kill its process instead of saving a channel's write."""
    save = saver.put_writes

    def put_writes(config: Any, writes: Any, *rest: Any) -> None:
        if channel in [name for name, _ in writes]:
            os.kill(os.getpid(), signal.SIGKILL)
        save(config, writes, *rest)

    saver.put_writes = put_writes  # type: ignore[method-assign]
    return saver


def skill(name: str, batch: int, code: str = "pass") -> MemoryDraft:
    """Return a skill that an episode of run-1 wrote."""
    return {
        "kind": "procedural", "cause": f"{name} {code}", "text": name, "code": code, "entry_point": "f",
        "signature": "", "importance": 0.5, "origin": {"run_id": "run-1", "batch": batch, "episode_id": name},
    }  # fmt: skip


def experiences(batch: int) -> list[MemoryDraft]:
    """Return what the episodes of a batch left: seven on each of three topics."""
    return [
        {**skill(f"{topic}, attempt {batch} {number}", batch), "kind": "episodic", "code": "", "entry_point": ""}
        for topic in TOPICS
        for number in range(7)
    ]


if __name__ == "__main__":
    tend(Path(sys.argv[1]), sys.argv[2])
