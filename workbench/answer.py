"""`pending` and `answer`: episodes and optimisations that wait for a person's word, and the word."""

import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

from batch.lease import at_work
from batch.optimisation_summary import OptimisationSummary, summarise_optimisation
from batch.optimise import OptimisationRun, plan_of
from checkpoints.history import history, values_of
from checkpoints.questions import Question, Questions
from checkpoints.savers import CHECKPOINT_FILE
from checkpoints.threads import drive, thread_config
from graphs.episode import episode_graph
from graphs.version import graph_version
from memory.embedders import embedder_named
from memory.store import MemoryStore
from runtime.build import open_services
from runtime.results import finished_episode
from state.decision import Answer
from state.errors import SetupError
from state.json_values import JsonMapping
from state.ledger import FinishedEpisode
from state.optimization import OptimizationState
from telemetry.langsmith import untraced
from workbench.bench import Workbench
from workbench.edits import edited
from workbench.html import page, table


@dataclass(frozen=True, kw_only=True)
class Pending:
    """What waits: episodes before `remember`, optimisations before `promote`. Displays itself in a notebook."""

    questions: list[Question]

    def rows(self) -> list[list[str]]:
        """Return what waits, what it is about, its run, the node that waits, and since when."""
        rows = []
        for question in self.questions:
            since = time.strftime("%Y-%m-%d %H:%M", time.localtime(question["asked_at"]))
            of = question["thread_id"].partition(":")[0] if _is_promotion(question) else question["run_id"]
            rows.append([name_of(question), question["task_id"], of, question["before"], since])
        return rows

    def _repr_html_(self) -> str:
        shown = table(["waits", "about", "run", "before", "since"], self.rows())
        return page(f"{len(self.questions)} questions wait for an answer", shown)


def pending(bench: Workbench) -> Pending:
    """Return what waits for an answer."""
    return Pending(questions=Questions(bench.home).open())


def name_of(question: Question) -> str:
    """Return the name under which a question is answered: of an optimisation, or the beginning of an episode's."""
    return question["run_id"] if _is_promotion(question) else question["thread_id"][:10]


def waiting(bench: Workbench, name: str) -> Question:
    """Return the one open question of that name; raises SetupError when there is none, or several."""
    found = [
        question
        for question in bench.services.questions.open()
        if (question["run_id"] if _is_promotion(question) else question["thread_id"]).startswith(name)
    ]
    if len(found) != 1:
        how_many = "several that wait begin" if found else "nothing that waits begins"
        raise SetupError(f"{how_many} with {name!r}; `ratchet pending` lists them")
    return found[0]


def answer(bench: Workbench, name: str, *, approve: bool = True, edits: JsonMapping | None = None) -> FinishedEpisode:
    """Answer an episode and bring it to its end; return its result.

    approve: whether it may be remembered. edits: paths and values that replace those of the state, as in a fork.
    The answer is kept before the episode goes on: after a kill the same call, or the run's command, completes it,
    and the first answer counts. Raises SetupError when the episode does not wait, and for an edit that cannot be.
    """
    question = waiting(bench, name)
    if _is_promotion(question):
        raise SetupError(f"{name} is an optimisation: workbench.answer_promotion answers it")
    questions, thread_id = bench.services.questions, question["thread_id"]
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
    with at_work(bench.home), untraced(), closing(memory), bench.home.naming_errors(CHECKPOINT_FILE):
        end: Any = drive(graph.compile(checkpointer=bench.saver), config, {}, context, answer_to=questions.answer_to)
        row = finished_episode(end, wall_s=0.0, finished_at=context.clock())
        bench.ledger.record(row, question["run_id"], question["phase"], question["position"], had_failed=False)
        questions.close(thread_id)
    return row


def answer_promotion(bench: Workbench, name: str, *, approve: bool) -> OptimisationSummary | None:
    """Say whether an optimisation may promote what it found; bring it to its end and return its report.

    The answer is kept first, and the first one counts: after a kill the same command as before completes it. Test
    tasks that are still to be measured are run now. None for an optimisation inside a learning run: the run's own
    command goes on with it. Raises SetupError when it does not wait, TransientError when the model stays down.
    """
    question = waiting(bench, name)
    if not _is_promotion(question):
        raise SetupError(f"{name} is an episode: workbench.answer answers it")
    run_id = question["run_id"]
    said: Answer = {"approved": approve, "edits": {}, "answered_at": time.time()}
    bench.services.questions.answer(question["thread_id"], said)
    if question["thread_id"] != run_id:
        return None
    state = cast("OptimizationState", values_of(history(bench.saver, run_id)[-1]))
    row = bench.ledger.run(run_id)
    assert row is not None, "an optimisation writes its row before it begins"
    services = open_services(bench.settings_of(run_id))
    try:
        going = OptimisationRun(plan_of(row, state["optimization"], bench.contents), services)
        try:
            going.drive()
        finally:
            going.close()
    finally:
        services.close()
    return summarise_optimisation(bench.ledger, bench.services.optimisations, bench.services.prompts, run_id)


def _is_promotion(question: Question) -> bool:
    return question["before"] == "promote"
