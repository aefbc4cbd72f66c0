"""Forgetting across every store of a home: the memory, and the checkpoints that quote it."""

from collections.abc import Sequence
from functools import partial

from checkpoints.redaction import redact_checkpoints
from memory.forget import Forgotten, forget
from memory.records import DEFAULT_ACTOR, Records


def forget_everywhere(
    records: Records, memory_ids: Sequence[str], *, actor: str = DEFAULT_ACTOR, everywhere: bool = False
) -> Forgotten:
    """Purge memories from every file of their home (`memory.forget.forget`); threads that quoted them still open.

    A run that is under way in another process may write a quotation anew: end it first.
    """
    purgers = [partial(redact_checkpoints, records.home)]
    return forget(records, memory_ids, actor=actor, everywhere=everywhere, purgers=purgers)
