"""The story of an episode, told from its checkpoints: every stage, with the texts that the state only refers to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import cast

from langgraph.checkpoint.base import CheckpointTuple

from checkpoints.history import history, is_step, waiting_nodes
from checkpoints.savers import AnySaver
from state.episode import Attempt, EpisodeState
from state.message import Message
from state.verdict import Verdict
from storage.contents import ContentStore


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One node that ran, and the checkpoint that its result is in."""

    node: str
    seconds: float
    """From the checkpoint before it to its own; a stage that was interrupted includes the pause."""
    ended_at: float
    """Seconds since the epoch."""
    checkpoint_id: str


@dataclass(frozen=True, kw_only=True)
class AttemptStory:
    """One attempt with its texts."""

    attempt: Attempt
    messages: list[Message]
    answer: str
    code: str
    verdicts: list[Verdict]
    stdout: str
    stderr: str
    feedback: str


@dataclass(frozen=True, kw_only=True)
class EpisodeStory:
    """An episode as it was."""

    state: EpisodeState
    attempts: list[AttemptStory]
    stages: list[Stage]


def episode_story(saver: AnySaver, contents: ContentStore, thread_id: str) -> EpisodeStory | None:
    """Return what a thread's checkpoints tell, or None when there is no such thread."""
    found = episode_course(saver, thread_id)
    if found is None:
        return None
    state, stages = found
    attempts = [_attempt_story(attempt, contents) for attempt in state.get("attempts", [])]
    return EpisodeStory(state=state, attempts=attempts, stages=stages)


def episode_course(saver: AnySaver, thread_id: str) -> tuple[EpisodeState, list[Stage]] | None:
    """Return the latest state of a thread and the nodes that led to it, or None when there is no such thread."""
    saved = history(saver, thread_id)
    if not saved:
        return None
    return cast("EpisodeState", saved[-1].checkpoint["channel_values"]), _stages(saved)


def _stages(saved: Sequence[CheckpointTuple]) -> list[Stage]:
    """Return the nodes in the order they ran: a checkpoint names the one that is next."""
    stages = []
    for before, after in pairwise(saved):
        waiting = waiting_nodes(before)
        if waiting and is_step(after):
            times = [datetime.fromisoformat(point.checkpoint["ts"]) for point in (before, after)]
            seconds = (times[1] - times[0]).total_seconds()
            checkpoint_id = after.config["configurable"]["checkpoint_id"]
            node, ended_at = ", ".join(waiting), times[1].timestamp()
            stages.append(Stage(node=node, seconds=seconds, ended_at=ended_at, checkpoint_id=checkpoint_id))
    return stages


def _attempt_story(attempt: Attempt, contents: ContentStore) -> AttemptStory:
    report = attempt["report"]
    stored = json.loads(contents.get(report["report"])) if report and report["report"] else {}
    feedback = json.loads(contents.get(attempt["feedback"]))["outcome"] if attempt["feedback"] else ""
    return AttemptStory(
        attempt=attempt,
        messages=json.loads(contents.get(attempt["request"])),
        answer=contents.get(attempt["answer"]),
        code=contents.get(attempt["code"]) if attempt["code"] else "",
        verdicts=stored.get("verdicts", []),
        stdout=stored.get("stdout", ""),
        stderr=stored.get("stderr", ""),
        feedback=feedback,
    )
