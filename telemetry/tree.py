"""An episode as a tree of spans: the same for LangSmith, for OpenTelemetry and for the terminal.

The tree is made from what is kept anyway, so that it costs nothing until somebody wants it. Hidden tests, references
and what programs printed are never in it; of tasks of the test split it holds no text at all.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from state.episode import Attempt, EpisodeState
from state.json_values import JsonMapping, JsonObject, JsonValue
from state.redaction import redacted_values, secrets_of
from state.task import Task, view_of
from state.usage import ModelCall

NAMESPACE = uuid.UUID("6e1d5f0a-6a3c-5c0b-9d0e-7261746368e7")
KINDS: dict[str, Literal["retriever", "tool"]] = {"retrieve": "retriever", "execute": "tool"}
WITHHELD = "withheld: the task is of the test split"


@dataclass(frozen=True, kw_only=True)
class Span:
    """Something that took time, and what it was part of."""

    span_id: str
    """A UUID that follows from the episode and the place in its tree: sent twice, it is one span."""
    parent_id: str | None
    trace_id: str
    """The id of the root."""
    name: str
    kind: Literal["chain", "llm", "tool", "retriever"]
    started_at: float
    """Seconds since the epoch, as ended_at."""
    ended_at: float
    inputs: JsonMapping = field(default_factory=dict)
    outputs: JsonMapping = field(default_factory=dict)
    metadata: JsonMapping = field(default_factory=dict)
    """Plain values; of model calls also model, input_tokens, output_tokens, cost_usd."""
    error: str = ""


class Stage(Protocol):
    """A node that ran, as checkpoints.story knows it."""

    @property
    def node(self) -> str:
        """Its name."""
        ...

    @property
    def seconds(self) -> float:
        """How long it took."""
        ...

    @property
    def ended_at(self) -> float:
        """Seconds since the epoch."""
        ...


def episode_tree(
    state: EpisodeState, stages: Sequence[Stage], text_at: Callable[[str], str], failure: str = ""
) -> list[Span]:
    """Return the spans of an episode, the root first, every parent before its children.

    text_at: returns the text at a content address. failure: why the episode has no result.
    """
    builder = _Builder(state, text_at, failure)
    children = builder.children(stages)
    secrets = secrets_of()
    return [
        replace(
            span,
            inputs=redacted_values(span.inputs, secrets),
            outputs=redacted_values(span.outputs, secrets),
            error=redacted_values(span.error, secrets),
        )
        for span in [builder.root(children), *children]
    ]


class _Builder:
    def __init__(self, state: EpisodeState, text_at: Callable[[str], str], failure: str) -> None:
        self._state, self._failure = state, failure
        self._episode = state["episode"]
        self._is_secret = self._episode["split"] == "test"
        self._text_at = text_at
        cause = self._episode["episode_id"] + (f":failed:{failure}" if failure else "")
        self._trace_id = str(uuid.uuid5(NAMESPACE, cause))
        self._common = {
            "run_id": self._episode["run_id"],
            "episode_id": self._episode["episode_id"],
            "task_id": self._episode["task_id"],
            "split": self._episode["split"],
            "repeat": self._episode["repeat"],
            "prompt_set": self._episode["prompt_set"],
        }

    def root(self, children: Sequence[Span]) -> Span:
        state = self._state
        outputs: JsonObject = {}
        metadata: JsonObject = {**self._common, "model": self._episode["model"], "task": self._episode["task"]}
        attempts = state.get("attempts", [])
        metadata["attempts"] = len(attempts)
        if "reward" in state:
            outputs = {"reward": state["reward"]["total"], "components": state["reward"]["components"]}
        return Span(
            span_id=self._trace_id,
            parent_id=None,
            trace_id=self._trace_id,
            name="episode",
            kind="chain",
            started_at=min((c.started_at for c in children), default=0.0),
            ended_at=max((c.ended_at for c in children), default=0.0),
            inputs=self._task(),
            outputs=outputs,
            metadata=metadata,
            error=self._failure,
        )

    def children(self, stages: Sequence[Stage]) -> list[Span]:
        spans: list[Span] = []
        attempt = -1
        for index, stage in enumerate(stages):
            attempt += stage.node == "generate"
            spans += self._node(index, stage, max(0, attempt))
        return spans

    def _node(self, index: int, stage: Stage, number: int) -> list[Span]:
        attempts = self._state.get("attempts", [])
        attempt = attempts[number] if number < len(attempts) else None
        place = f"{self._episode['episode_id']}:{index}:{stage.node}"
        span = Span(
            span_id=str(uuid.uuid5(uuid.UUID(self._trace_id), place)),
            parent_id=self._trace_id,
            trace_id=self._trace_id,
            name=stage.node,
            kind=KINDS.get(stage.node, "chain"),
            started_at=stage.ended_at - stage.seconds,
            ended_at=stage.ended_at,
            inputs={"attempt": number + 1},
            outputs=self._written(stage.node, attempt),
            metadata={**self._common, "attempt": number + 1},
        )
        calls: list[tuple[str, Attempt | ModelCall]] = []
        if stage.node == "generate" and attempt:
            calls = [(self._episode["model"], attempt)]
        elif stage.node == "review" and "review" in self._state and "opinion" in self._state["review"]:
            calls = [(call["model"], call) for call in self._state["review"]["opinion"]["calls"]]
        return [span, *(self._call(span, model, call, number) for number, (model, call) in enumerate(calls))]

    def _call(self, parent: Span, model: str, call: Attempt | ModelCall, number: int) -> Span:
        """Return a model call of a node: it ended just before its node did."""
        usage = call["usage"]
        answer = {"text": self._text(call["answer"]), "finish": call["finish"]}
        return Span(
            span_id=str(uuid.uuid5(uuid.UUID(parent.span_id), f"model {number}" if number else "model")),
            parent_id=parent.span_id,
            trace_id=self._trace_id,
            name="model",
            kind="llm",
            started_at=max(parent.started_at, parent.ended_at - usage["model_s"]),
            ended_at=parent.ended_at,
            inputs={"messages": self._json(call["request"])},
            outputs=answer,
            metadata={
                **parent.metadata,
                "model": model,
                "input_tokens": usage["prompt_tokens"],
                "output_tokens": usage["completion_tokens"],
                "cost_usd": usage["cost_usd"],
            },
        )

    def _written(self, node: str, attempt: Attempt | None) -> JsonObject:
        """Return what a node wrote, without texts that nobody else may see."""
        state = self._state
        if node == "retrieve":
            return {"memories": state.get("memories", [])}
        if node in ("review", "reward", "remember"):
            return self._ending(node)
        if attempt is None:
            return {}
        report = attempt["report"]
        if node == "execute" and report:
            return {name: value for name, value in report.items() if name != "report"}  # that one holds test inputs
        if node == "reflect" and attempt["feedback"]:
            feedback = self._json(attempt["feedback"])
            return {"told": feedback["outcome"] if isinstance(feedback, dict) else feedback}
        return {"code": self._text(attempt["code"]), "finish": attempt["finish"]} if node == "generate" else {}

    def _ending(self, node: str) -> JsonObject:
        state = self._state
        if node == "review" and "review" in state:
            found = state["review"]
            told: JsonObject = {"overfit": found["overfit"], "findings": len(found["findings"])}
            return told | ({"score": found["opinion"]["score"]} if "opinion" in found else {})
        if node == "reward" and "reward" in state:
            return {"total": state["reward"]["total"], "components": state["reward"]["components"]}
        return {"memories": state["remembered"]} if "remembered" in state else {}

    def _task(self) -> JsonObject:
        """Return what the model may know of the task."""
        if self._is_secret:
            return {"task_id": self._episode["task_id"], "prompt": WITHHELD}
        task: Task = json.loads(self._text_at(self._episode["task"]))
        view = view_of(task)
        return {"task_id": self._episode["task_id"], "prompt": view["prompt"], "examples": len(view["examples"])}

    def _text(self, address: str) -> str:
        if self._is_secret:
            return WITHHELD
        return self._text_at(address) if address else ""

    def _json(self, address: str) -> JsonValue:
        return WITHHELD if self._is_secret else json.loads(self._text_at(address))


def rewards_of(root: Span) -> dict[str, float]:
    """Return what an episode was rewarded with: its total as `reward`, and each component."""
    if "reward" not in root.outputs:
        return {}
    return {"reward": root.outputs["reward"], **root.outputs["components"]}
