"""`pending` and `answer`: episodes that wait for a person's word, and the word."""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from checkpoints.history import history, values_of
from checkpoints.questions import Question, Questions
from checkpoints.savers import CHECKPOINT_FILE
from checkpoints.threads import drive, thread_config
from graphs.episode import episode_graph
from graphs.version import graph_version
from memory.embedders import embedder_named
from memory.store import MemoryStore
from runtime.results import finished_episode
from state.decision import Answer
from state.errors import SetupError
from state.ledger import FinishedEpisode
from telemetry.langsmith import untraced
from workbench.bench import Workbench
from workbench.edits import edited
from workbench.html import page, table


@dataclass(frozen=True, kw_only=True)
class Pending:
    """The episodes that wait. Displays itself in a notebook."""

    questions: list[Question]

    def rows(self) -> list[list[str]]:
        """Return id, task, run, the node that waits, and since when."""
        rows = []
        for question in self.questions:
            since = time.strftime("%Y-%m-%d %H:%M", time.localtime(question["asked_at"]))
            rows.append(
                [question["thread_id"][:10], question["task_id"], question["run_id"], question["before"], since]
            )
        return rows

    def _repr_html_(self) -> str:
        shown = table(["episode", "task", "run", "waits before", "since"], self.rows())
        return page(f"{len(self.questions)} episodes wait for an answer", shown)


def pending(bench: Workbench) -> Pending:
    """Return the episodes that wait for an answer."""
    return Pending(questions=Questions(bench.home).open())


def answer(
    bench: Workbench, name: str, *, approve: bool = True, edits: Mapping[str, Any] | None = None
) -> FinishedEpisode:
    """Answer an episode and bring it to its end; return its result.

    approve: whether it may be remembered. edits: paths and values that replace those of the state, as in a fork.
    The answer is kept before the episode goes on: after a kill the same call, or the run's command, completes it,
    and the first answer counts. Raises SetupError when the episode does not wait, and for an edit that cannot be.
    """
    questions = bench.services.questions
    waiting = [question for question in questions.open() if question["thread_id"].startswith(name)]
    if len(waiting) != 1:
        how_many = "several waiting episodes begin" if waiting else "no waiting episode begins"
        raise SetupError(f"{how_many} with {name!r}; `ratchet pending` lists them")
    [question] = waiting
    thread_id = question["thread_id"]
    state = values_of(history(bench.saver, thread_id)[-1])
    changed = edited(state, edits or {}, bench.contents)
    fixed = set(changed) - {"review", "reward"}
    if fixed:
        raise SetupError(
            f"{', '.join(sorted(fixed))}: only review and reward can be edited here, since only what the sandbox has "
            f"verified is remembered. To try another program: ratchet fork {thread_id[:10]} --from execute --set code=…"
        )
    settings = bench.settings_of(question["run_id"])
    memory = MemoryStore(bench.home, embedder=embedder_named(settings.embedder))
    context = bench.context(settings, bench.services.models, memory=memory)
    said: Answer = {"approved": approve, "edits": changed, "answered_at": context.clock()}
    questions.answer(thread_id, said)
    graph = episode_graph()
    config = thread_config(thread_id, graph_version(graph))
    with untraced(), closing(memory), bench.home.naming_errors(CHECKPOINT_FILE):
        end: Any = drive(graph.compile(checkpointer=bench.saver), config, {}, context, answer_to=questions.answer_to)
    row = finished_episode(end, wall_s=0.0, finished_at=context.clock())
    bench.ledger.record(row, question["run_id"], question["phase"], question["position"], had_failed=False)
    questions.close(thread_id)
    return row
