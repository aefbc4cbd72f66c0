"""Take the proposed tasks that passed into the series."""

import json
from collections.abc import Sequence
from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.proposing import Program, ProposalContext, limits_of, passing
from state.json_values import JsonObject
from state.proposal import ProposalProgress, Proposed, SeriesRef
from storage.contents import canonical

REASON = ":"  # ends the general part of a refusal: what is counted


class AdmitReads(TypedDict):
    """What the node reads."""

    series: SeriesRef
    progress: ProposalProgress
    batch: list[Proposed]
    admitted: str


class AdmitWrites(TypedDict):
    """What the node writes."""

    progress: ProposalProgress
    admitted: str


def admit(state: AdmitReads, runtime: Runtime[ProposalContext]) -> AdmitWrites:
    """Admit in the order of the numbers, as many as are wanted, and count why the others were refused.

    What a batch proposes twice is admitted once.
    """
    context, progress = runtime.context, state["progress"]
    addresses: list[str] = json.loads(context.contents.get(state["admitted"])) if state["admitted"] else []
    refused = dict(progress["refused"])
    lines: list[JsonObject] = []
    for proposed in state["batch"]:
        reason = proposed["refused"].partition(REASON)[0]
        if not reason:
            line = json.loads(context.contents.get(proposed["content"]))
            if len(addresses) == state["series"]["count"]:
                reason = "not needed"
            elif _is_repeated(line, lines, context):
                reason = "known"
            else:
                lines.append(line)
                addresses.append(proposed["content"])
        if reason:
            refused[reason] = refused.get(reason, 0) + 1
    [admitted] = context.contents.put(canonical(addresses))
    done = progress["proposed"] + len(state["batch"])
    counts: ProposalProgress = {"proposed": done, "admitted": len(addresses), "refused": refused}
    context.events({"kind": "proposed", "total": state["series"]["count"], "detail": canonical(counts)})
    return {"progress": counts, "admitted": admitted}


def _is_repeated(line: JsonObject, others: Sequence[JsonObject], context: ProposalContext) -> bool:
    """Tell whether a task admitted a moment ago has the same name or does the same."""
    if any(other["entry_point"] == line["entry_point"] for other in others):
        return True
    tests = [*line["examples"], *line["tests"]]
    results = passing(
        [Program(other["reference"], other["entry_point"]) for other in others],
        [test["args_literal"] for test in tests],
        [test["expected_literal"] for test in tests],
        context.sandbox,
        limits_of(context),
    )
    return any(passed is not None and len(passed) == len(tests) for passed in results)
