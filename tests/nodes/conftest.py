"""What nodes find in the state: executed attempts, a run with tasks, memories of earlier episodes."""

from collections.abc import Callable
from typing import Any

import pytest

from runtime.context import Context
from state.episode import Attempt
from state.learning import Progress, RunRef, TaskEntry
from state.memory_item import MemoryDraft
from state.verdict import Verdict
from storage.contents import ContentStore, canonical


@pytest.fixture
def verdict_of() -> Callable[..., Verdict]:
    """Make the verdict of one test, passed but for the fields that are given."""

    def make(visible: bool, status: str = "passed", **given: Any) -> Verdict:
        verdict: Any = {
            "name": "assert add(7117, 1) == 7118", "visible": visible, "status": status, "expected": "7118", "got": "",
            "error_type": "", "message": "", "traceback": [],
        }  # fmt: skip
        return {**verdict, **given}

    return make


@pytest.fixture
def executed(contents: ContentStore, attempt_of: Callable[..., Attempt]) -> Callable[..., Attempt]:
    """Make an attempt that `execute` has reported on: the verdicts as the sandbox gave them."""

    def make(verdicts: list[Verdict], code: str = "def add(a, b): pass", limit: str = "", **given: Any) -> Attempt:
        [address] = contents.put(canonical({"verdicts": verdicts}))
        visible = [v["status"] == "passed" for v in verdicts if v["visible"]]
        hidden = [v["status"] for v in verdicts if not v["visible"]]
        report: Any = {
            "passed": hidden.count("passed"), "total": len(hidden), "visible_passed": sum(visible),
            "visible_total": len(visible), "status": next((s for s in hidden if s != "passed"), "passed"),
            "limit": limit, "cpu_s": 0.1, "wall_s": 0.1, "report": address,
        }  # fmt: skip
        return attempt_of(code, report=report, **given)

    return make


@pytest.fixture
def remembered(context: Context) -> Callable[..., str]:
    """Write a memory of an earlier episode; return its id."""

    def write(text: str, run_id: str = "run-1", batch: int = 0, kind: Any = "procedural") -> str:
        draft: MemoryDraft = {
            "kind": kind, "cause": f"{run_id} {batch} {text}", "text": text, "code": "def total(a, b): ...",
            "entry_point": "total", "signature": "total(a, b)", "importance": 0.5,
            "origin": {"run_id": run_id, "batch": batch, "episode_id": "e"},
        }  # fmt: skip
        return context.memory.add(draft)

    return write


@pytest.fixture
def run_of(context: Context) -> Callable[..., RunRef]:
    """Begin a run over tasks of these splits; the first is task 0."""

    def make(*splits: Any) -> RunRef:
        entries: list[TaskEntry] = [
            {"task_id": f"t{n}", "task": f"address {n}", "split": split} for n, split in enumerate(splits)
        ]
        [tasks] = context.contents.put(canonical(entries))
        return {"run_id": "run-1", "tasks": tasks, "model": "fake", "conditions": "c", "watermark": 0}

    return make


@pytest.fixture
def progress_of() -> Callable[..., Progress]:
    """Make the progress of a run that has just begun, but for the fields that are given."""

    def make(**given: int) -> Progress:
        zero: Any = dict.fromkeys(("batches", "episodes", "solved", "unscored", "optimised_at", "tended_at"), 0)
        return {**zero, "measured_at": -1, **given}

    return make
