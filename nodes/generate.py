"""Ask the model for a program."""

import json
from collections.abc import Sequence
from typing import TypedDict

from langgraph.runtime import Runtime

from models.call import Address, code_in
from models.roles import Question
from prompts.render import PastAttempt, generation_messages
from runtime.context import Context
from state.episode import Attempt, EpisodeSpec, Recollection
from state.memory_item import MemoryHit
from state.task import view_of
from storage.contents import canonical


class GenerateReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec
    memories: list[Recollection]
    attempts: list[Attempt]


class GenerateWrites(TypedDict):
    """What the node writes."""

    attempts: list[Attempt]


def generate(state: GenerateReads, runtime: Runtime[Context]) -> GenerateWrites:
    """Ask for a program, with the memories that `retrieve` found and what earlier attempts were told.

    Raises TransientError and PermanentError as the model call does: neither is the program's fault.
    """
    context, episode = runtime.context, state["episode"]
    task = context.tasks.get(episode["task"])
    attempts = state.get("attempts", [])
    past = [_past(attempt, context) for attempt in attempts]
    prompt_set = context.prompts.get(episode["prompt_set"])
    if not context.settings.skills:
        prompt_set = {**prompt_set, "components": {**prompt_set["components"], "skills": ""}}
    messages = generation_messages(prompt_set, view_of(task), _shown(state["memories"], context), past)
    address: Address = {
        "task_id": episode["task_id"],
        "prompt": task["prompt"],
        "repeat": episode["repeat"],
        "attempt": len(attempts),
    }
    question = Question(
        messages=messages,
        run_id=episode["run_id"],
        cause=f"{episode['episode_id']}:generate:{len(attempts)}",
        sample=episode["repeat"],
        address=address,
    )
    answer = context.models.ask("generate", question)
    code = code_in(answer.text, task["entry_point"], task["prompt"])
    request, text, program = context.contents.put(canonical(messages), answer.text, code)
    attempt: Attempt = {
        "index": len(attempts),
        "request": request,
        "answer": text,
        "code": program if code else "",
        "finish": answer.finish if code else "declined",
        "usage": answer.usage,
        "report": None,
        "feedback": "",
    }
    if answer.effort is not None:
        attempt["effort"] = answer.effort
    return {"attempts": [attempt]}


def _shown(memories: Sequence[Recollection], context: Context) -> list[MemoryHit]:
    """Return the memories' texts, in the order and with the scores of the search."""
    found = {hit["memory_id"]: hit for hit in context.memory.get([m["memory_id"] for m in memories])}
    return [{**found[m["memory_id"]], "score": m["score"]} for m in memories]


def _past(attempt: Attempt, context: Context) -> PastAttempt:
    code = context.contents.get(attempt["code"])
    outcome: str = json.loads(context.contents.get(attempt["feedback"]))["outcome"]
    return {"code": code, "outcome": outcome}
