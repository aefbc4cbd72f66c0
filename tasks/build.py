"""Put a task together: its split where the file has none, its digest."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from state.errors import SetupError
from state.task import Split, Task, TaskLimits, Test
from storage.contents import canonical, digest_of

TRAIN_PERCENT = 60
VALIDATION_PERCENT = 20  # the rest is the held-out test split


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a line of a task file says, before the split and the digest."""

    task_id: str
    prompt: str
    entry_point: str
    tests: Sequence[Test]
    setup: str = ""
    reference: str | None = None
    split: Split | None = None
    limits: TaskLimits = field(default_factory=TaskLimits)
    tags: Sequence[str] = ()


def split_of(task_id: str) -> Split:
    """Return the split of a task that names none: 60 % train, 20 % validation, 20 % test.

    It depends on the id alone: adding tasks to a file, or moving a task to another file, moves no task
    from train to test.
    """
    share = int.from_bytes(hashlib.sha256(task_id.encode("utf-8", "surrogatepass")).digest()[:4], "big") % 100
    if share < TRAIN_PERCENT:
        return "train"
    return "validation" if share < TRAIN_PERCENT + VALIDATION_PERCENT else "test"


def finish(draft: Draft) -> Task:
    """Turn a draft into a task; raises SetupError when it has no tests."""
    if not draft.tests:
        raise SetupError("no tests: give at least one")
    # visible ones first: a program that has seen hidden inputs could else show them in a visible failure
    tests = sorted(draft.tests, key=lambda test: not test["visible"])
    content = {
        "task_id": draft.task_id,
        "prompt": draft.prompt,
        "entry_point": draft.entry_point,
        "tests": tests,
        "setup": draft.setup,
        "reference": draft.reference,
        "limits": draft.limits,
    }
    return Task(
        task_id=draft.task_id,
        prompt=draft.prompt,
        entry_point=draft.entry_point,
        tests=tests,
        split=draft.split or split_of(draft.task_id),
        setup=draft.setup,
        reference=draft.reference,
        limits=draft.limits,
        tags=list(draft.tags),
        digest=digest_of(canonical(content)),
    )
