"""Trees of spans to LangSmith, through its SDK's HTTP session but in our own time.

The SDK's background thread is not used: when its server is away it holds the process at its exit for minutes.
"""

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from state.json_values import JsonObject
from telemetry.tree import Span, rewards_of

TIMEOUT_S = (2.0, 5.0)  # to connect, and for an answer
ON = frozenset({"true", "1", "yes"})
BOUNDARY = "ratchet-5d6b1c0f8e7a4c2b"


@dataclass(frozen=True, kw_only=True)
class LangSmithSettings:
    """Where traces go: from LangSmith's own variables, and what the run adds."""

    project: str
    dataset: str = ""
    """Runs refer to its examples, one per task; "" for none."""
    hide_inputs: bool = False
    hide_outputs: bool = False


def langsmith_settings(run_id: str, dataset: str, experiment: str) -> LangSmithSettings | None:
    """Return where the environment wants traces sent; None where it does not.

    A run that is linked to a dataset is an experiment of it, named after the run unless it has a name of its own.
    """
    if not _is_on("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"):
        return None
    project = os.environ.get("LANGSMITH_PROJECT") or os.environ.get("LANGCHAIN_PROJECT") or "ratchet"
    return LangSmithSettings(
        project=experiment or (run_id if dataset else project),
        dataset=dataset,
        hide_inputs=_is_on("LANGSMITH_HIDE_INPUTS"),
        hide_outputs=_is_on("LANGSMITH_HIDE_OUTPUTS"),
    )


@contextmanager
def untraced() -> Iterator[None]:
    """Keep LangChain's own tracing from sending whole states while the block runs in this thread."""
    if not _is_on("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"):
        yield
        return
    from langsmith import tracing_context

    with tracing_context(enabled=False):
        yield


class LangSmithSender:
    """Sends trees, each as one trace with the reward's components as feedback. One thread uses it."""

    def __init__(self, settings: LangSmithSettings) -> None:
        from langsmith import Client
        from urllib3.util import Retry

        self._settings = settings
        milliseconds = (int(TIMEOUT_S[0] * 1000), int(TIMEOUT_S[1] * 1000))
        self._client = Client(auto_batch_tracing=False, retry_config=Retry(total=0), timeout_ms=milliseconds)
        self._dataset_id: uuid.UUID | None = None
        self._examples: set[uuid.UUID] = set()

    def send(self, trees: Sequence[Sequence[Span]]) -> None:
        """Send trees in one request. Raises whatever the SDK does when that fails; sending again changes nothing."""
        if self._settings.dataset:
            self._add_examples([tree[0] for tree in trees])
        parts = [part for tree in trees for part in self._parts(tree)]
        self._client.request_with_retries(
            "POST",
            "/runs/multipart",
            request_kwargs={
                "data": _multipart(parts),
                "headers": {**self._client._headers, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
                "timeout": TIMEOUT_S,
            },
            stop_after_attempt=1,
        )

    def _parts(self, tree: Sequence[Span]) -> list[tuple[str, JsonObject]]:
        root, orders, parts = tree[0], _dotted_orders(tree), []
        for span in tree:
            run = self._run(span, orders[span.span_id])
            if span is root and self._dataset_id is not None:
                run["reference_example_id"] = str(self._example_id(root))
            parts.append((f"post.{span.span_id}", run))
            if not self._settings.hide_inputs:
                parts.append((f"post.{span.span_id}.inputs", dict(span.inputs)))
            if not self._settings.hide_outputs:
                parts.append((f"post.{span.span_id}.outputs", dict(span.outputs)))
        for name, score in rewards_of(root).items():
            feedback_id = str(uuid.uuid5(uuid.UUID(root.trace_id), f"feedback:{name}"))
            feedback = {
                "id": feedback_id, "run_id": root.span_id, "trace_id": root.trace_id, "key": name, "score": score,
                "feedback_source": {"type": "api"},
            }  # fmt: skip
            parts.append((f"feedback.{feedback_id}", feedback))
        return parts

    def _run(self, span: Span, order: str) -> JsonObject:
        metadata = dict(span.metadata)
        run: JsonObject = {
            "id": span.span_id,
            "trace_id": span.trace_id,
            "parent_run_id": span.parent_id,
            "dotted_order": order,
            "name": span.name,
            "run_type": span.kind,
            "start_time": _iso(span.started_at),
            "end_time": _iso(span.ended_at),
            "session_name": self._settings.project,
            "error": span.error or None,
            "tags": ["ratchet"],
        }
        if span.kind == "llm":
            tokens = {name: int(metadata.pop(name)) for name in ("input_tokens", "output_tokens")}
            provider, _, name = str(metadata.pop("model")).partition(" ")[0].rpartition(":")
            cost = {} if metadata["cost_usd"] is None else {"total_cost": metadata["cost_usd"]}
            metadata |= {"ls_provider": provider or name, "ls_model_name": name, "ls_model_type": "chat"}
            metadata["usage_metadata"] = {**tokens, "total_tokens": sum(tokens.values()), **cost}
        run["extra"] = {"metadata": metadata}
        return run

    def _add_examples(self, roots: Sequence[Span]) -> None:
        """Make the dataset, the experiment and the examples that these episodes refer to, where they are missing."""
        client, name = self._client, self._settings.dataset
        if self._dataset_id is None:
            exists = client.has_dataset(dataset_name=name)
            dataset = client.read_dataset(dataset_name=name) if exists else client.create_dataset(name)
            if not client.has_project(self._settings.project):
                client.create_project(self._settings.project, reference_dataset_id=dataset.id)
            self._dataset_id = dataset.id
            self._examples = {example.id for example in client.list_examples(dataset_id=dataset.id)}
        missing = {self._example_id(root): root for root in roots}
        new = [
            {"id": example_id, "inputs": dict(root.inputs), "metadata": {"split": root.metadata["split"]}}
            for example_id, root in missing.items()
            if example_id not in self._examples
        ]
        if new:
            client.create_examples(dataset_id=self._dataset_id, examples=new)
            self._examples |= set(missing)

    def _example_id(self, root: Span) -> uuid.UUID:
        assert self._dataset_id is not None, "the dataset comes before its examples"
        return uuid.uuid5(self._dataset_id, str(root.metadata["task"]))


def _is_on(*names: str) -> bool:
    return any(os.environ.get(name, "").lower() in ON for name in names)


def _multipart(parts: Sequence[tuple[str, JsonObject]]) -> bytes:
    """Return the body of a multipart request: one JSON document per part."""
    body = bytearray()
    for name, value in parts:
        raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
        body += f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw + b"\r\n"
    return bytes(body + f"--{BOUNDARY}--\r\n".encode())


def _dotted_orders(tree: Sequence[Span]) -> dict[str, str]:
    """Return LangSmith's sort key of each span: start and id of it and of everything it is part of."""
    orders: dict[str, str] = {}
    for span in tree:
        start = datetime.fromtimestamp(span.started_at, UTC).strftime("%Y%m%dT%H%M%S%fZ")
        above = f"{orders[span.parent_id]}." if span.parent_id else ""
        orders[span.span_id] = f"{above}{start}{span.span_id}"
    return orders


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
