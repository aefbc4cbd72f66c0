"""Small real objects that tests share: a home, a sandbox, a task, the context of a node."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from langchain_core.language_models import FakeListChatModel
from langgraph.runtime import Runtime

from benchmarks.postgres import NoPostgresError, create_database, drop_database, url_shared_in
from checkpoints.ledger import Ledger
from checkpoints.optimisations import OptimisationLog
from checkpoints.questions import Questions
from checkpoints.savers import checkpoint_pool
from memory.store import MemoryStore
from models.roles import models_with
from prompts.registry import PromptRegistry, shipped_prompt_set
from rewards.combine import RewardTable
from runtime.context import Context
from runtime.settings import load_settings
from runtime.shelf import TaskShelf
from sandbox.local import LocalSandbox
from state.episode import Attempt, EpisodeSpec
from state.ledger import FinishedEpisode
from state.task import Task
from storage.contents import ContentStore, canonical, digest_of
from storage.engine import Home, open_home

# The same examples on every machine, and no limit on wall time: a loaded one fails nobody.
hypothesis.settings.register_profile("ratchet", deadline=None, derandomize=True, database=None, max_examples=50)
hypothesis.settings.load_profile("ratchet")

ADD_TASK: Task = {
    "task_id": "secret-id/1",
    "prompt": 'def add(a, b):\n    """Return the sum of a and b."""\n',
    "entry_point": "add",
    "tests": [
        {"kind": "call", "args": "(1, 2)", "expected": "3", "visible": True},
        {"kind": "call", "args": "(7117, 1)", "expected": "7118", "visible": False},
        {"kind": "call", "args": "(7227, 2)", "expected": "7229", "visible": False},
    ],
    "split": "train",
    "setup": "",
    "reference": "def add(a, b):\n    return b + a  # the reference\n",
    "limits": {},
    "tags": [],
    "digest": "",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings and keys of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("RATCHET_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a PostgreSQL server's URL; the workers of a session share the server, which ends with the session."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    base = tmp_path_factory.getbasetemp()
    folder, owner = (base.parent, os.getppid()) if worker else (base, os.getpid())
    try:
        return url_shared_in(folder / "postgres", owner)
    except NoPostgresError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a database with the tables of a home, and of LangGraph, for this worker's tests to copy; give its name."""
    name = f"template_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    opened = open_home(tmp_path_factory.mktemp("template"), create_database(postgres_url, name))
    checkpoint_pool(opened)
    opened.close()
    return name


@pytest.fixture
def postgres_database(postgres_url: str, postgres_template: str, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a PostgreSQL database of the test's own, with the tables of a home."""
    name = f"test_{digest_of(str(tmp_path))}"
    yield create_database(postgres_url, name, postgres_template)
    drop_database(postgres_url, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_database(request: pytest.FixtureRequest) -> str:
    """Run a test on both databases."""
    found: str = request.getfixturevalue("postgres_database") if request.param == "postgresql" else ""
    return found


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the home's database: a file, but each of both in turn for what uses `either_database`."""
    found: str = request.getfixturevalue("either_database") if "either_database" in request.fixturenames else ""
    return found


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Home]:
    """Open an empty home."""
    opened = open_home(tmp_path / "home", database_url)
    yield opened
    opened.close()


@pytest.fixture
def contents(home: Home) -> ContentStore:
    """Open the content store of the home."""
    return ContentStore(home)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[LocalSandbox]:
    """One worker for all tests of a process."""
    opened = LocalSandbox(workers=1)
    yield opened
    opened.close()


@pytest.fixture
def task_of() -> Callable[..., Task]:
    """Make an addition task with one visible and two hidden tests, and with the fields that are given."""

    def make(**given: Any) -> Task:
        task: Task = {**ADD_TASK, **given}  # type: ignore[typeddict-item]
        return {**task, "digest": digest_of(canonical({**task, "digest": ""}))}

    return make


@pytest.fixture
def context(home: Home, contents: ContentStore, sandbox: LocalSandbox) -> Iterator[Context]:
    """Give the services of a node, with a model that says it cannot."""
    memory = MemoryStore(home)
    model = FakeListChatModel(responses=["I cannot solve this."])
    yield Context(
        settings=load_settings(home=home.folder, database_url=home.url),
        contents=contents,
        tasks=TaskShelf(contents),
        ledger=Ledger(home),
        memory=memory,
        prompts=PromptRegistry(home),
        questions=Questions(home),
        optimisations=OptimisationLog(home),
        models=models_with(model),
        sandbox=sandbox,
        rewards=RewardTable(),
        clock=lambda: 1000.0,
    )
    memory.close()


@pytest.fixture
def runtime_with(context: Context) -> Callable[..., Runtime[Context]]:
    """Make what a node is called with: the context, with other services or settings where they are given."""

    def make(settings: dict[str, Any] | None = None, **services: Any) -> Runtime[Context]:
        changed = replace(context, settings=context.settings.model_copy(update=settings or {}), **services)
        return Runtime(context=changed)

    return make


@pytest.fixture
def runtime(runtime_with: Callable[..., Runtime[Context]]) -> Runtime[Context]:
    """Give what a node is called with."""
    return runtime_with()


@pytest.fixture
def episode_of(context: Context) -> Callable[..., EpisodeSpec]:
    """Make an episode of a task, which is put on the shelf."""

    def make(task: Task, **given: Any) -> EpisodeSpec:
        [address] = context.tasks.put([task])
        prompt_set = context.prompts.save(shipped_prompt_set(), author="shipped", parents=[], created_at=0.0)
        spec: EpisodeSpec = {
            "episode_id": digest_of(address),
            "run_id": "run-1",
            "task_id": task["task_id"],
            "task": address,
            "split": task["split"],
            "repeat": 0,
            "model": "fake",
            "prompt_set": prompt_set,
            "memory_snapshot": "",
            "conditions": "c",
            "horizon": {"watermark": 0, "run_id": "run-1", "batch": 0},
            "attempts": 3,
            "learn": task["split"] == "train",
        }
        return {**spec, **given}  # type: ignore[typeddict-item]

    return make


@pytest.fixture
def attempt_of(contents: ContentStore) -> Callable[..., Attempt]:
    """Make an attempt with a program, not executed yet; the empty program is a model that declined."""

    def make(code: str, **given: Any) -> Attempt:
        request, answer, program = contents.put("[]", f"```python\n{code}\n```", code)
        attempt: Attempt = {
            "index": 0,
            "request": request,
            "answer": answer,
            "code": program if code else "",
            "finish": "stop" if code else "declined",
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "cost_usd": 0.0, "model_s": 0.1},
            "report": None,
            "feedback": "",
        }
        return {**attempt, **given}  # type: ignore[typeddict-item]

    return make


@pytest.fixture
def finished_of() -> Callable[..., FinishedEpisode]:
    """Make a row of the ledger: a train episode solved at once, but for the fields that are given."""

    def make(episode_id: str, **given: Any) -> FinishedEpisode:
        row: FinishedEpisode = {
            "episode_id": episode_id,
            "prompt_set": "p",
            "memory_snapshot": "",
            "split": "train",
            "task_id": f"task of {episode_id}",
            "task": f"address of {episode_id}",
            "repeat": 0,
            "model": "fake",
            "conditions": "c",
            "solved_first": 1,
            "solved": 1,
            "attempts": 1,
            "reward": 1.0,
            "components": {"correctness": 1.0},
            "outcome": {
                "status": "passed",
                "passed": 2,
                "total": 2,
                "limit": "",
                "declined": False,
                "overfit": False,
                "code": "",
                "memories": [],
                "remembered": [],
            },
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "cost_usd": 0.5,
            "model_s": 1.0,
            "sandbox_s": 0.25,
            "wall_s": 2.0,
            "finished_at": 1000.0,
        }
        return {**row, **given}  # type: ignore[typeddict-item]

    return make
