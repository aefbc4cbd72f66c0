"""Run the references of proposed tasks: what they give is what the tests expect."""

import ast
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from langgraph.runtime import Runtime

from runtime.proposing import Program, ProposalContext, answers_of, limits_of
from state.proposal import Draft, Proposed
from storage.contents import canonical
from tasks.source import expression


class SolveReferenceReads(TypedDict):
    """What the node reads."""

    batch: list[Proposed]


class SolveReferenceWrites(TypedDict):
    """What the node writes."""

    batch: list[Proposed]


def solve_reference(state: SolveReferenceReads, runtime: Runtime[ProposalContext]) -> SolveReferenceWrites:
    """Run every reference on its inputs, twice: in the second sandbox sets of strings have another order.

    A reference that fails, or gives another answer the second time, refuses its proposal. Raises TransientError when a
    sandbox broke.
    """
    context = runtime.context

    def one(proposed: Proposed) -> Proposed:
        if proposed["refused"]:
            return proposed
        draft: Draft = json.loads(context.contents.get(proposed["content"]))
        answers = _answers(draft, context)
        if isinstance(answers, str):
            return {**proposed, "refused": answers}
        [content] = context.contents.put(canonical({**draft, "answers": answers}))
        return {**proposed, "content": content}

    with ThreadPoolExecutor(context.settings.concurrency) as threads:
        return {"batch": list(threads.map(one, state["batch"]))}


def _answers(draft: Draft, context: ProposalContext) -> list[str] | str:
    """Return the reference's answers, or why they cannot be used."""
    program = Program(draft["reference"], draft["entry_point"])
    answers = answers_of(program, draft["inputs"], context.sandbox, limits_of(context))
    if isinstance(answers, str):
        return f"no reference: {answers}"
    again = answers_of(program, draft["inputs"], context.other_sandbox or context.sandbox, limits_of(context))
    if isinstance(again, str) or not _equal(answers, again):
        return "not deterministic: another answer under another hash seed"
    return answers


def _equal(answers: Sequence[str], others: Sequence[str]) -> bool:
    values, again = (
        [ast.literal_eval(expression(text) or ast.Constant(None)) for text in some] for some in (answers, others)
    )
    return values == again
