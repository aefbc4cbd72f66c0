"""Write down what the episode taught."""

import json
from difflib import unified_diff
from typing import NotRequired, TypedDict

from langgraph.runtime import Runtime

from prompts.outcome import shape_of_failure
from runtime.context import Context
from state.decision import Decision
from state.episode import Attempt, EpisodeSpec, final_attempt
from state.memory_item import MemoryDraft, MemoryKind
from state.review import Review
from state.reward import Reward
from state.task import Task
from state.verdict import solved
from storage.contents import ContentStore, digest_of
from tasks.describe import description, failure_description

MOST_CHANGED = 40  # lines: what changes more is another program, not a repair


class RememberReads(TypedDict):
    """What the node reads."""

    episode: EpisodeSpec
    attempts: list[Attempt]
    review: Review
    reward: Reward
    decision: NotRequired[Decision]


class RememberWrites(TypedDict):
    """What the node writes."""

    remembered: list[str]


def remember(state: RememberReads, runtime: Runtime[Context]) -> RememberWrites:
    """Write an episodic memory, a procedural one when the program passed every test, and how a failure was repaired.

    Only train tasks teach: a held-out episode leaves nothing, and neither does one that a person rejected. The causes
    make the ids, so a replay writes nothing new.
    """
    episode = state["episode"]
    is_rejected = "decision" in state and not state["decision"]["approved"]
    if not episode["learn"] or is_rejected or _has_taught(episode, runtime):
        return {"remembered": []}
    context = runtime.context
    task = context.tasks.get(episode["task"])
    drafts = [_experience(state, task)]
    final = final_attempt(state["attempts"])
    if final["report"] is not None and solved(final["report"]):
        drafts.append(_skill(state, task, context.contents.get(final["code"])))
        drafts += _recipe(state, task, final, context.contents)
    return {"remembered": context.memory.add_all(drafts)}


def _has_taught(episode: EpisodeSpec, runtime: Runtime[Context]) -> bool:
    """Tell whether an episode that has its result is tried again on another thread, as users do with `update_state`.

    What it teaches now would change what the finished run remembers.
    """
    context, info = runtime.context, runtime.execution_info
    if info is None or info.thread_id in (None, episode["episode_id"]):
        return False
    return bool(context.ledger.find([episode["episode_id"]]))


def _experience(state: RememberReads, task: Task) -> MemoryDraft:
    """Return what happened, as an episodic memory."""
    final = final_attempt(state["attempts"])
    report = final["report"]
    assert report is not None, "execute comes before remember"
    ending = "solved" if solved(report) else f"not solved ({report['status']})"
    text = f"{description(task)}\n{ending} with {len(state['attempts'])} attempt(s)"
    return _draft(state, "episodic", cause=state["episode"]["episode_id"], text=text)


def _skill(state: RememberReads, task: Task, code: str) -> MemoryDraft:
    """Return the verified program, as a procedural memory: the same program for the same task is one memory."""
    draft = _draft(state, "procedural", cause=f"{task['digest']}:{digest_of(code)}", text=description(task))
    parameters = ", ".join(state["review"]["metrics"]["parameters"])
    signature = f"{task['entry_point']}({parameters})" if task["entry_point"] else ""
    return {**draft, "code": code, "entry_point": task["entry_point"], "signature": signature}


def _recipe(state: RememberReads, task: Task, fixed: Attempt, contents: ContentStore) -> list[MemoryDraft]:
    """Return how the failure before a program that passed was repaired; [] for no failure, and for a new program.

    It holds how tests failed, never what they expect, and the lines that the repair changed.
    """
    failed = next((attempt for attempt in state["attempts"] if attempt["index"] == fixed["index"] - 1), None)
    if failed is None or failed["finish"] == "declined" or not failed["report"] or solved(failed["report"]):
        return []
    before, after = contents.get(failed["code"]), contents.get(fixed["code"])
    changed = list(unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm=""))[2:]
    if not changed or len(changed) > MOST_CHANGED:
        return []
    shape = shape_of_failure(json.loads(contents.get(failed["report"]["report"]))["verdicts"])
    cause = f"{task['digest']}:{failed['code']}:{fixed['code']}"
    draft = _draft(state, "semantic", cause=cause, text=failure_description(task, shape))
    return [{**draft, "code": "\n".join(changed), "recipe": True}]


def _draft(state: RememberReads, kind: MemoryKind, *, cause: str, text: str) -> MemoryDraft:
    episode = state["episode"]
    horizon = episode["horizon"]
    return {
        "kind": kind,
        "cause": cause,
        "text": text,
        "code": "",
        "entry_point": "",
        "signature": "",
        "importance": state["reward"]["total"],
        "origin": {"run_id": horizon["run_id"], "batch": horizon["batch"], "episode_id": episode["episode_id"]},
    }
