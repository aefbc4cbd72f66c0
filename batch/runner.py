"""Run batches of episodes on an engine: the ledger is asked before anything runs, failures are told from results."""

import logging
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Protocol

from batch.restarts import outlasting
from batch.worker import Job, finished_event, put_aside_event
from runtime.context import BatchResult, Context
from state.episode import EpisodeSpec
from state.errors import (
    BudgetError,
    ClaimedError,
    PermanentError,
    SetupError,
    StoppedError,
    TransientError,
    WaitingError,
)
from state.ledger import FinishedEpisode
from state.redaction import redacted

log = logging.getLogger(__name__)

AHEAD = 2  # episodes handed out per place: the next one waits while the engine is busy, the rest of the batch does not
CLAIM_AGAIN_S = 0.5  # between two looks at an episode that another process is at work on


class Engine(Protocol):
    """Where episodes run. It writes their rows to the ledger and tells of their beginnings and ends."""

    width: int
    """Episodes at one time."""

    def submit(self, job: Job) -> Future[FinishedEpisode]:
        """Have an episode brought to its end; what it raises comes with the future. Returns at once."""
        ...

    def stop(self) -> None:
        """Ask every running episode to end at its next node; safe to call from a signal handler."""
        ...

    def close(self) -> None:
        """Wait for what is running, then end everything."""
        ...


class BatchRunner:
    """Runs batches of episodes.

    stop() may be called from a signal handler: episodes end after the node they are in, and everything that was
    finished is saved. The same batch started again continues them.
    """

    def __init__(self, context: Context, engine: Engine) -> None:
        self._context = context
        self._engine = engine
        self._had_failed: set[str] = set()  # episodes of the run without a result when the batch began
        self._stopping = threading.Event()
        self._waiting = 0  # episodes of the batch that wait for a person
        self._over_budget: BudgetError | None = None
        self._aside: deque[tuple[float, Job]] = deque()  # episodes that others have claimed, and when to look again

    def stop(self) -> None:
        """Ask every running episode to end at its next node."""
        self._stopping.set()
        self._engine.stop()

    def close(self) -> None:
        """Wait for what is running and end the engine."""
        self._engine.close()

    def run(self, specs: Sequence[EpisodeSpec], phase: str, places: Mapping[str, int] | None = None) -> BatchResult:
        """Bring every episode to its end; those in the ledger are not run again.

        places: positions of the episodes within the phase, where they are not those of `specs`; given when episodes
        that had failed are tried again.
        Raises StoppedError after stop(), BudgetError when the run has spent what it may, SetupError when an episode
        meets a setup problem, TransientError when no episode of a whole batch could get a result for reasons that
        may pass, WaitingError when episodes of the batch wait for a person's answer.
        """
        is_whole_batch = places is None
        places = places or {spec["episode_id"]: position for position, spec in enumerate(specs)}
        self._context.events({"kind": "batch_started", "phase": phase, "total": len(specs)})
        known = outlasting(lambda: self._find_known(specs, phase, places))
        for row in known.values():
            self._context.events(finished_event(row, "", reused=True))
        missing = [spec for spec in specs if spec["episode_id"] not in known]
        self._waiting = 0
        new, failed = self._run_all([self._job(spec, phase, places) for spec in missing])
        self._refuse_unfinished(phase)
        finished = known | new
        if is_whole_batch and not finished:
            _refuse_unreachable(phase, list(failed.values()))
        return _result(specs, finished, failed)

    def _refuse_unfinished(self, phase: str) -> None:
        """Raise what kept the batch from its end: it was stopped, or a person's answer is missing."""
        if self._stopping.is_set():
            raise self._over_budget or StoppedError("stopped; what has finished is saved")
        if self._waiting:  # a later batch would not remember what these may teach
            raise WaitingError(
                f"{self._waiting} episodes of {phase} wait for your answer: `ratchet pending` lists them, "
                "`ratchet answer EPISODE --approve` or --reject answers one"
            )

    def _find_known(
        self, specs: Sequence[EpisodeSpec], phase: str, places: Mapping[str, int]
    ) -> dict[str, FinishedEpisode]:
        """Return the rows that the ledger has, and note that the run uses them."""
        ledger = self._context.ledger
        known = ledger.find([spec["episode_id"] for spec in specs])
        run_id = specs[0]["run_id"] if specs else ""
        self._had_failed = {failure["episode_id"] for failure in ledger.failures_of(run_id)}
        ledger.link(run_id, phase, [(places[episode_id], episode_id) for episode_id in known])
        return known

    def _job(self, spec: EpisodeSpec, phase: str, places: Mapping[str, int]) -> Job:
        episode_id = spec["episode_id"]
        return Job(spec=spec, phase=phase, position=places[episode_id], had_failed=episode_id in self._had_failed)

    def _run_all(self, jobs: Sequence[Job]) -> tuple[dict[str, FinishedEpisode], dict[str, Exception]]:
        """Run episodes, a bounded number ahead of the engine; return rows and infrastructure failures by id."""
        rows: dict[str, FinishedEpisode] = {}
        failed: dict[str, Exception] = {}
        waiting = deque(jobs)
        self._aside.clear()
        under_way: dict[Future[FinishedEpisode], Job] = {}
        while True:
            while len(under_way) < AHEAD * self._engine.width and (job := self._next(waiting)):
                under_way[self._engine.submit(job)] = job
            if under_way:
                patience_s = CLAIM_AGAIN_S if self._aside else None
                done, _ = wait(under_way, timeout=patience_s, return_when=FIRST_COMPLETED)
                for future in done:
                    self._collect(future, under_way.pop(future), rows, failed)
            # nothing of our own is left; for what others have claimed, and may lose, it pays to wait
            elif not self._aside or self._stopping.wait(CLAIM_AGAIN_S):
                return rows, failed

    def _next(self, waiting: deque[Job]) -> Job | None:
        """Return what to hand out now, if anything: what others have claimed comes last, and not at every look."""
        if self._stopping.is_set():
            return None
        if waiting:
            return waiting.popleft()
        if self._aside and self._aside[0][0] <= time.monotonic():
            return self._aside.popleft()[1]
        return None

    def _collect(
        self,
        future: "Future[FinishedEpisode]",
        job: Job,
        rows: dict[str, FinishedEpisode],
        failed: dict[str, Exception],
    ) -> None:
        try:
            rows[job.episode_id] = future.result()
        except BudgetError as error:
            self._over_budget = error
            self.stop()
        except StoppedError:
            self._stopping.set()
        except WaitingError:
            self._waiting += 1
        except ClaimedError:
            self._aside.append((time.monotonic() + CLAIM_AGAIN_S, job))
            self._context.events(put_aside_event(job))
        except SetupError:
            self.stop()  # every other episode would meet it as well
            raise
        except (TransientError, PermanentError) as error:
            failed[job.episode_id] = error
            self._note_failure(job, str(error), passing=isinstance(error, TransientError))
        except Exception as error:  # a bug of ours in one episode does not end the others
            log.exception("episode failed", extra={"episode": job.episode_id})
            failed[job.episode_id] = error
            self._note_failure(job, f"internal error: {type(error).__name__}: {error}", passing=True)

    def _note_failure(self, job: Job, reason: str, *, passing: bool) -> None:
        ledger, now = self._context.ledger, self._context.clock()
        outlasting(
            lambda: ledger.fail(
                {
                    "episode_id": job.episode_id,
                    "run_id": job.spec["run_id"],
                    "task_id": job.spec["task_id"],
                    "spec": dict(job.spec),
                    "phase": job.phase,
                    "position": job.position,
                    "reason": redacted(reason)[:1000],
                    "count": 1,
                    "passing": int(passing),
                    "failed_at": now,
                }
            )
        )
        self._context.events({"kind": "episode_failed", "episode_id": job.episode_id, "reason": reason})


def _result(
    specs: Sequence[EpisodeSpec], finished: Mapping[str, FinishedEpisode], failed: Collection[str]
) -> BatchResult:
    ids = [spec["episode_id"] for spec in specs]
    return {
        "finished": [finished[episode_id] for episode_id in ids if episode_id in finished],
        "unscored": [episode_id for episode_id in ids if episode_id in failed],
    }


def _refuse_unreachable(phase: str, errors: Sequence[Exception]) -> None:
    """Raise TransientError where nothing of a batch got a result, all for reasons that may pass."""
    if errors and all(isinstance(error, TransientError) for error in errors):
        raise TransientError(f"no episode of {phase} got a result: {errors[0]}")
