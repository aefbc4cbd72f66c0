"""Ask the model for new tasks."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from langgraph.runtime import Runtime

from models.call import Address
from models.roles import Question
from prompts.roles import proposal_messages
from runtime.proposing import ProposalContext, known_tasks
from state.memory_item import MemoryHit
from state.proposal import ProposalProgress, Proposed, SeriesRef
from state.task import Task
from storage.contents import canonical
from tasks.proposal import draft_in

BATCH = 16  # proposals per step: a kill repeats at most so many model calls
SHOWN = 60  # names of known tasks that the model is told, the latest ones


class ProposeReads(TypedDict):
    """What the node reads."""

    series: SeriesRef
    progress: ProposalProgress
    admitted: str


class ProposeWrites(TypedDict):
    """What the node writes."""

    batch: list[Proposed]


def propose(state: ProposeReads, runtime: Runtime[ProposalContext]) -> ProposeWrites:
    """Ask for the next tasks of the series, each under its own number.

    Only train tasks are named or built upon: held-out ones are never shown. An answer without a task is a refused
    proposal. Raises TransientError and PermanentError as the model call does.
    """
    context, series, proposed = runtime.context, state["series"], state["progress"]["proposed"]
    numbers = range(proposed, min(proposed + BATCH, series["most"]))
    known = [task for task in known_tasks(series, state["admitted"], context) if task["split"] == "train"]
    names = [task["entry_point"] for task in known if task["entry_point"]][-SHOWN:]

    def one(number: int) -> Proposed:
        memories = _memories(number, series, known, context)
        messages = proposal_messages(number, seed=series["seed"], known=names, memories=memories)
        place = f"{series['series']}/{number}"
        address: Address = {"task_id": place, "prompt": "", "repeat": 0, "attempt": 0}
        question = Question(messages=messages, run_id=series["series"], cause=place, address=address)
        answer = context.models.ask("propose", question)
        draft = draft_in(answer.text)
        if isinstance(draft, str):
            return {"number": number, "content": "", "refused": f"no task: {draft}", "learnability": 0.0}
        [content] = context.contents.put(canonical(draft))
        return {"number": number, "content": content, "refused": "", "learnability": 0.0}

    with ThreadPoolExecutor(context.settings.concurrency) as threads:
        return {"batch": list(threads.map(one, numbers))}


def _memories(number: int, series: SeriesRef, known: Sequence[Task], context: ProposalContext) -> list[MemoryHit]:
    """Return what the memory holds on a known task drawn for this number: something to build upon."""
    if not series["watermark"] or not known or not context.settings.memories:
        return []
    drawn = random.Random(f"{series['seed']}:propose:{number}").choice(known)
    return context.memory.search(
        {
            "text": drawn["prompt"],
            "kinds": ["procedural"],
            "limit": context.settings.memories,
            "horizon": {"watermark": series["watermark"], "run_id": "", "batch": 0},
        }
    )
