"""Run many episodes on threads: each worker has its own saver, the ledger is asked before anything runs."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl

from checkpoints.savers import CHECKPOINT_FILE, Saver, close_saver, open_saver
from checkpoints.threads import drive, thread_config
from graphs.episode import episode_graph
from graphs.version import graph_version
from runtime.context import BatchResult, Context
from runtime.results import finished_episode
from state.episode import EpisodeSpec
from state.errors import BudgetError, PermanentError, SetupError, StoppedError, TransientError, WaitingError
from state.ledger import FinishedEpisode
from state.redaction import redacted
from storage.engine import Home
from telemetry.langsmith import untraced

log = logging.getLogger(__name__)

AHEAD = 2  # episodes handed out per worker: the next one waits while the pool is busy, the rest of the batch does not


class ThreadRunner:
    """Runs batches of episodes on threads.

    stop() may be called from a signal handler: episodes end after the node they are in, and everything that was
    finished is saved. The same batch started again continues them.
    """

    def __init__(self, context: Context, home: Home, concurrency: int) -> None:
        self._context = context
        self._home = home
        self._concurrency = concurrency
        self._graph = episode_graph()
        self._version = graph_version(self._graph)
        self._of_thread = threading.local()
        self._savers: list[Saver] = []
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="worker")
        self._controls: dict[str, RunControl] = {}
        self._had_failed: set[str] = set()  # episodes of the run without a result when the batch began
        self._stopping = threading.Event()
        self._waiting = 0  # episodes of the batch that wait for a person
        self._over_budget: BudgetError | None = None

    def stop(self) -> None:
        """Ask every running episode to end at its next node."""
        self._stopping.set()
        for control in list(self._controls.values()):
            control.request_drain("stopped by the user")

    def close(self) -> None:
        """Wait for the workers and close their savers."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for saver in self._savers:
            close_saver(saver)

    def run(self, specs: Sequence[EpisodeSpec], phase: str, places: Mapping[str, int] | None = None) -> BatchResult:
        """Bring every episode to its end; those in the ledger are not run again.

        places: positions of the episodes within the phase, where they are not those of `specs`; given when episodes
        that had failed are tried again.
        Raises StoppedError after stop(), BudgetError when the run has spent what it may, SetupError when an episode
        meets a setup problem, TransientError when no episode of a whole batch could get a result for reasons that
        may pass, WaitingError when episodes of the batch wait for a person's answer.
        """
        known = self._context.ledger.find([spec["episode_id"] for spec in specs])
        is_whole_batch = places is None
        places = places or {spec["episode_id"]: position for position, spec in enumerate(specs)}
        self._context.events({"kind": "batch_started", "phase": phase, "total": len(specs)})
        run_id = specs[0]["run_id"] if specs else ""
        self._had_failed = {failure["episode_id"] for failure in self._context.ledger.failures_of(run_id)}
        self._context.ledger.link(run_id, phase, [(places[episode_id], episode_id) for episode_id in known])
        for row in known.values():
            self._tell_finished(row, reused=True)
        missing = [spec for spec in specs if spec["episode_id"] not in known]
        self._waiting = 0
        new, failed = self._run_all(missing, phase, places)
        if self._stopping.is_set():
            raise self._over_budget or StoppedError("stopped; what has finished is saved")
        if self._waiting:  # a later batch would not remember what these may teach
            raise WaitingError(
                f"{self._waiting} episodes of {phase} wait for your answer: `ratchet pending` lists them, "
                "`ratchet answer EPISODE --approve` or --reject answers one"
            )
        nothing = is_whole_batch and failed and not new and not known
        if nothing and all(isinstance(error, TransientError) for error in failed.values()):
            raise TransientError(f"no episode of {phase} got a result: {next(iter(failed.values()))}")
        finished = known | new
        return {
            "finished": [finished[s["episode_id"]] for s in specs if s["episode_id"] in finished],
            "unscored": [s["episode_id"] for s in specs if s["episode_id"] in failed],
        }

    def _run_all(
        self, specs: Sequence[EpisodeSpec], phase: str, places: Mapping[str, int]
    ) -> tuple[dict[str, FinishedEpisode], dict[str, Exception]]:
        """Run episodes, a bounded number ahead of the workers; return rows and infrastructure failures by id."""
        rows: dict[str, FinishedEpisode] = {}
        failed: dict[str, Exception] = {}
        waiting = iter(specs)
        under_way: dict[Future[FinishedEpisode], EpisodeSpec] = {}
        while True:
            while len(under_way) < AHEAD * self._concurrency and not self._stopping.is_set():
                spec = next(waiting, None)
                if spec is None:
                    break
                position = places[spec["episode_id"]]
                under_way[self._pool.submit(self._run_one, spec, phase, position)] = spec
            if not under_way:
                return rows, failed
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                self._collect(future, under_way.pop(future), phase, places, rows, failed)

    def _collect(
        self,
        future: "Future[FinishedEpisode]",
        spec: EpisodeSpec,
        phase: str,
        places: Mapping[str, int],
        rows: dict[str, FinishedEpisode],
        failed: dict[str, Exception],
    ) -> None:
        try:
            rows[spec["episode_id"]] = future.result()
        except BudgetError as error:
            self._over_budget = error
            self.stop()
        except (GraphDrained, StoppedError):
            self._stopping.set()
        except WaitingError:
            self._waiting += 1
        except SetupError:
            self.stop()
            raise
        except (TransientError, PermanentError) as error:
            failed[spec["episode_id"]] = error
            passing = isinstance(error, TransientError)
            self._note_failure(spec, phase, places[spec["episode_id"]], str(error), passing=passing)
        except Exception as error:
            log.exception("episode failed", extra={"episode": spec["episode_id"]})
            failed[spec["episode_id"]] = error
            reason = f"internal error: {type(error).__name__}: {error}"
            self._note_failure(spec, phase, places[spec["episode_id"]], reason, passing=True)

    def _note_question(self, spec: EpisodeSpec, phase: str, position: int) -> None:
        self._context.questions.ask(
            {
                "thread_id": spec["episode_id"],
                "before": "remember",
                "run_id": spec["run_id"],
                "task_id": spec["task_id"],
                "phase": phase,
                "position": position,
                "asked_at": self._context.clock(),
                "answer": "",
                "answered_at": None,
            }
        )

    def _note_failure(self, spec: EpisodeSpec, phase: str, position: int, reason: str, *, passing: bool) -> None:
        self._context.ledger.fail(
            {
                "episode_id": spec["episode_id"],
                "run_id": spec["run_id"],
                "task_id": spec["task_id"],
                "spec": dict(spec),
                "phase": phase,
                "position": position,
                "reason": redacted(reason)[:1000],
                "count": 1,
                "passing": int(passing),
                "failed_at": self._context.clock(),
            }
        )
        self._context.events({"kind": "episode_failed", "episode_id": spec["episode_id"], "reason": reason})

    def _run_one(self, spec: EpisodeSpec, phase: str, position: int) -> FinishedEpisode:
        """Bring one episode to its end in this worker thread and write its row."""
        if self._stopping.is_set():
            raise StoppedError("stopped before it began")
        episode_id = spec["episode_id"]
        context = self._context
        worker = threading.current_thread().name
        context.events(
            {"kind": "episode_started", "worker": worker, "episode_id": episode_id, "task_id": spec["task_id"]}
        )
        control = self._controls[episode_id] = RunControl()
        started = time.monotonic()
        try:
            config = thread_config(episode_id, self._version)
            with untraced(), self._home.naming_errors(CHECKPOINT_FILE):
                graph, answer_to = self._graph_of_this_thread(), context.questions.answer_to
                state = drive(graph, config, {"episode": spec}, context, control, answer_to=answer_to)
        except WaitingError:
            self._note_question(spec, phase, position)
            raise
        finally:
            del self._controls[episode_id]
        row = finished_episode(state, wall_s=time.monotonic() - started, finished_at=context.clock())  # type: ignore[arg-type]
        had_failed = episode_id in self._had_failed
        context.ledger.record(row, spec["run_id"], phase, position, had_failed=had_failed)
        if spec.get("ask"):
            context.questions.close(episode_id)
        self._tell_finished(row, reused=False)
        return row

    def _graph_of_this_thread(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """Return the graph compiled with this thread's own saver: a saver holds one lock."""
        if not hasattr(self._of_thread, "graph"):
            saver = open_saver(self._home)
            self._savers.append(saver)
            self._of_thread.graph = self._graph.compile(checkpointer=saver)
        graph: CompiledStateGraph[Any, Any, Any, Any] = self._of_thread.graph
        return graph

    def _tell_finished(self, row: FinishedEpisode, *, reused: bool) -> None:
        self._context.events(
            {
                "kind": "episode_finished",
                "worker": threading.current_thread().name,
                "episode_id": row["episode_id"],
                "task_id": row["task_id"],
                "solved": bool(row["solved"]),
                "reward": row["reward"],
                "tokens": row["prompt_tokens"] + row["completion_tokens"],
                "cost_usd": row["cost_usd"],
                "reused": reused,
            }
        )
