"""`checkpoints list` and `prune`: what saved threads take, and taking old ones away."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from batch.lease import alone
from checkpoints.care import (
    SavedThread,
    addresses_in,
    addresses_in_rows,
    drop_other_texts,
    give_back_space,
    is_finished,
    saved_threads,
    texts_at,
)
from state.errors import SetupError
from workbench.bench import Workbench


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was taken away, or would be."""

    threads: list[SavedThread]
    unfinished: int
    """Threads that were old enough and are kept, since they have not come to their end."""
    texts: int
    """Texts that nothing referred to any more; 0 in a rehearsal, which does not look for them."""


def prune(
    bench: Workbench, *, older_than: timedelta | None = None, keep: int | None = None, rehearse: bool = False
) -> Pruned:
    """Remove the checkpoints of threads that are old, and the texts that only they referred to.

    older_than: since their last checkpoint. keep: the newest n threads stay. Where both are given, both must allow it.
    Threads that are unfinished or wait for an answer stay. Results, memories and prompts stay: an episode without
    checkpoints still counts, and can no longer be shown, replayed or forked.
    Raises SetupError when neither is given, and when somebody works on the home.
    """
    if older_than is None and keep is None:
        raise SetupError("say what to remove: --older-than 30d, --keep 1000, or both")
    with alone(bench.home):
        return _pruned(bench, older_than=older_than, keep=keep, rehearse=rehearse)


def _pruned(bench: Workbench, *, older_than: timedelta | None, keep: int | None, rehearse: bool) -> Pruned:
    every = saved_threads(bench.saver)
    old = chosen(every, older_than=older_than, keep=keep, now=time.time())
    gone = [thread for thread in old if is_finished(bench.saver, thread.thread_id)]
    unfinished = len(old) - len(gone)
    if rehearse:
        return Pruned(threads=gone, unfinished=unfinished, texts=0)
    for thread in gone:
        bench.saver.delete_thread(thread.thread_id)
    removed = {thread.thread_id for thread in gone}
    referred = addresses_in_rows(bench.home)
    for thread in every:
        if thread.thread_id not in removed:
            referred |= addresses_in(bench.saver, thread.thread_id)
    texts = drop_other_texts(bench.home, {address for address, _ in texts_at(bench.home, referred)})
    give_back_space(bench.saver, bench.home)
    return Pruned(threads=gone, unfinished=unfinished, texts=texts)


def chosen(
    threads: Sequence[SavedThread], *, older_than: timedelta | None, keep: int | None, now: float
) -> list[SavedThread]:
    """Return the threads, the newest first, that both rules give away."""
    by_count = threads[keep:] if keep is not None else threads
    limit = now - older_than.total_seconds() if older_than is not None else now
    return [thread for thread in by_count if older_than is None or thread.last_at < limit]
