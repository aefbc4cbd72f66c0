"""A series of proposed tasks: settings and known tasks in, a task file out."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batch.lease import Lease
from checkpoints.savers import CHECKPOINT_FILE, close_saver, open_saver
from checkpoints.series import Ended, end_of, note_end
from checkpoints.threads import drive, thread_config
from graphs.task_proposal import first_proposal_state, task_proposal_graph
from graphs.version import graph_version
from runtime.build import Services
from runtime.context import SERVICES
from runtime.proposing import ProposalContext, lines_at
from sandbox.local import LocalSandbox
from state.json_values import JsonObject
from state.proposal import ProposalProgress, SeriesRef
from state.task import Task
from storage.contents import canonical, digest_of
from tasks.load import load_tasks, resolve_tasks
from telemetry.events import Sink, ignore

TASK_FILE = "tasks.jsonl"
STEPS = 1_000_000  # super-steps of one series: four per batch
OTHER_HASH_SEED = 1
BUNDLED = ("katas", "hard")  # always known


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for."""

    count: int
    most: int
    """Proposals at most: a model that repeats itself comes to an end."""
    tries: int
    """Per task, to see how hard it is; 0: not looked at."""


@dataclass(frozen=True, kw_only=True)
class ProposedTasks:
    """What a series has come to."""

    series: str
    lines: list[JsonObject]
    progress: ProposalProgress
    file: Path | None
    """None in an encrypted home, where nothing is written in plain text."""


def known_tasks_of(names: Sequence[str]) -> list[Task]:
    """Return the bundled tasks and those of the files: what proposals must not repeat. Raises SetupError."""
    return [task for name in dict.fromkeys((*BUNDLED, *names)) for task in load_tasks(resolve_tasks(name)).tasks]


def plan_series(wanted: Wanted, known: Sequence[Task], services: Services) -> SeriesRef:
    """Return what the series is about: the same settings and known tasks give the same id, so it can be continued."""
    settings = services.settings
    [address] = services.contents.put(canonical(services.tasks.put(known)))
    watermark = services.memory.watermark() if settings.memory == "home" and settings.memories else 0
    key = {
        "wanted": vars(wanted),
        "known": address,
        "watermark": watermark,
        "memories": settings.memories,
        "models": [services.models.of(role).model_id for role in ("propose", "generate")],
        "seed": settings.seed,
        "sandbox": settings.sandbox.model_dump(),
        "graph": graph_version(task_proposal_graph()),
    }
    return {
        "series": f"tasks-{digest_of(canonical(key))[:10]}",
        "seed": settings.seed,
        "count": wanted.count,
        "most": wanted.most,
        "tries": wanted.tries,
        "known": address,
        "watermark": watermark,
    }


def propose_tasks(series: SeriesRef, services: Services, events: Sink = ignore) -> ProposedTasks:
    """Drive the series to its end, or on from where it was stopped, and write its task file.

    A finished one is only read, also when its checkpoints have been pruned. In an encrypted home it writes no file.

    Raises SetupError when another process works on it, TransientError when the model or a sandbox stays down.
    """
    folder = services.settings.home / "proposals" / series["series"]
    lease = Lease(folder, services.home)
    try:
        ended = end_of(services.home, series["series"]) or _driven(series, services, events)
    finally:
        lease.release()
    lines, file = lines_at(ended.admitted, services.contents), folder / TASK_FILE
    is_plain = services.home.seal is None
    if is_plain and not file.exists():
        written(lines, file)
    return ProposedTasks(series=series["series"], lines=lines, progress=ended.progress, file=file if is_plain else None)


def _driven(series: SeriesRef, services: Services, events: Sink) -> Ended:
    """Bring a series to its end, and write down what it came to."""
    graph = task_proposal_graph()
    saver = open_saver(services.home)
    other = LocalSandbox(1, require=services.settings.require_isolation, hash_seed=OTHER_HASH_SEED)
    try:
        context = ProposalContext(
            **{name: getattr(services, name) for name in SERVICES}, events=events, other_sandbox=other
        )
        config = thread_config(series["series"], graph_version(graph), STEPS)
        with services.home.naming_errors(CHECKPOINT_FILE):
            end = drive(graph.compile(checkpointer=saver), config, dict(first_proposal_state(series)), context)
    finally:
        other.close()
        close_saver(saver)
    ended = Ended(end["progress"], end["admitted"])
    note_end(services.home, series["series"], ended)
    return ended


def written(lines: Sequence[JsonObject], file: Path) -> Path:
    """Write the task file in one piece."""
    temporary = file.with_suffix(".part")
    temporary.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    os.replace(temporary, file)
    return file
