"""Episodes on threads of this process."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from batch.worker import EpisodeWorker, Job, finished_event, started_event
from runtime.context import Context
from state.errors import StoppedError
from state.ledger import FinishedEpisode
from storage.engine import Home


class ThreadEngine:
    """Runs episodes side by side, as many as there are threads."""

    def __init__(self, context: Context, home: Home, width: int) -> None:
        self.width = width
        self._events = context.events
        self._worker = EpisodeWorker(context, home)
        self._pool = ThreadPoolExecutor(width, thread_name_prefix="worker")
        self._stopping = threading.Event()

    def submit(self, job: Job) -> Future[FinishedEpisode]:
        """Have an episode brought to its end."""
        return self._pool.submit(self._run, job)

    def stop(self) -> None:
        """Ask every running episode to end at its next node."""
        self._stopping.set()
        self._worker.stop()

    def close(self) -> None:
        """Wait for the threads and close their savers."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._worker.close()

    def _run(self, job: Job) -> FinishedEpisode:
        if self._stopping.is_set():
            raise StoppedError("stopped before it began")
        name = threading.current_thread().name
        self._events(started_event(job, name))
        end = self._worker.run(job)
        self._events(finished_event(end.row, name, reused=end.reused))
        return end.row
