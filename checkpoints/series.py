"""What finished series of proposed tasks came to: read where their checkpoints were pruned."""

import json
from typing import NamedTuple

from sqlalchemy import select

from state.proposal import ProposalProgress
from storage.contents import canonical
from storage.engine import Home, insert_new
from storage.tables import proposal_series


class Ended(NamedTuple):
    """The end of a series."""

    progress: ProposalProgress
    admitted: str
    """Content address of a JSON list of line addresses; "" for none."""


def note_end(home: Home, series: str, ended: Ended) -> None:
    """Write down that a series has ended; once more changes nothing."""
    with home.writing() as connection:
        row = {"series": series, "progress": canonical(ended.progress), "admitted": ended.admitted}
        insert_new(connection, proposal_series, [row])


def end_of(home: Home, series: str) -> Ended | None:
    """Return what a series came to; None when it has not come to its end."""
    c = proposal_series.c
    with home.reading() as connection:
        row = connection.execute(select(c.progress, c.admitted).where(c.series == series)).first()
    return Ended(json.loads(row.progress), row.admitted) if row else None
