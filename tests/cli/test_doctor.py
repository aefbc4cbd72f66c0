"""What `ratchet doctor` says of what is set up wrongly, and is no reason not to begin."""

import json

from benchmarks.loopback_model import LoopbackModel
from tests.cli.conftest import Ratchet


def test_a_server_for_vectors_that_is_no_chroma_is_told_and_no_problem(ratchet: Ratchet) -> None:
    with LoopbackModel().serving() as other:
        url = other.base_url.removesuffix("/v1")
        said = ratchet("doctor", "--json", RATCHET_CHROMA_URL=url)
    [row] = [json.loads(line) for line in said.stdout.splitlines() if '"vectors"' in line]
    assert (said.code, row["level"]) == (0, "note")
    assert row["detail"] == f"no Chroma answers at {url} (status 501): searches of large memories do without"
