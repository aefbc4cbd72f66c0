"""`trace`: an episode as a tree of spans over time, and as OpenTelemetry JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from batch.traces import tree_at
from state.errors import SetupError
from state.json_values import JsonObject
from telemetry.otel import otel_json
from telemetry.tree import Span
from workbench.bench import Workbench
from workbench.html import page, table
from workbench.svg import AMBER, BLUE, CHARACTER, DIM, GREEN, INK, LINE, RED, Picture, box, picture, text

ROW, LEFT, AXIS = 24.0, 190.0, 380.0  # pixels: of a span's row, of the names, of the time axis
COLOURS = {"chain": LINE, "llm": BLUE, "tool": AMBER, "retriever": GREEN}


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The spans of an episode, the root first, every parent before its children. Displays itself in a notebook."""

    spans: list[Span]

    def otel(self) -> JsonObject:
        """Return them as an OTLP export request: what any collector or viewer of OpenTelemetry reads."""
        return otel_json(self.spans)

    def save(self, path: str | Path) -> None:
        """Write the OpenTelemetry JSON to a file."""
        Path(path).write_text(json.dumps(self.otel(), ensure_ascii=False, indent=1), encoding="utf-8")

    @property
    def picture(self) -> Picture:
        """The spans as bars over time."""
        return _waterfall(self.spans)

    def _repr_svg_(self) -> str:
        return self.picture.svg


@dataclass(frozen=True, kw_only=True)
class NodeTimes:
    """What a node, or the model, took over the episodes of a run."""

    name: str
    count: int
    total_s: float
    median_s: float
    tokens: int


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Where the time of a run's episodes went, the most first. Displays itself in a notebook."""

    run_id: str
    episodes: int
    nodes: list[NodeTimes]
    """The model's own time is part of that of `generate`."""

    def _repr_html_(self) -> str:
        head = ["node", "times", "seconds in all", "median, ms", "tokens"]
        rows = [
            [n.name, n.count, f"{n.total_s:.2f}", f"{1000 * n.median_s:.1f}", f"{n.tokens:,}" if n.tokens else ""]
            for n in self.nodes
        ]
        return page(f"{self.episodes} episodes that {self.run_id} executed", table(head, rows))


def profile(bench: Workbench, run_id: str) -> Profile:
    """Add up the spans of all episodes that a run executed itself; those whose checkpoints are gone are left out."""
    trees = [tree_at(bench.home, bench.contents, one) for one in sorted(bench.ledger.ran_itself(run_id))]
    by_name: dict[str, list[Span]] = {}
    for span in (span for tree in trees for span in tree if span.parent_id is not None):
        by_name.setdefault(span.name, []).append(span)
    nodes = [_node_times(name, spans) for name, spans in by_name.items()]
    return Profile(
        run_id=run_id,
        episodes=sum(map(bool, trees)),
        nodes=sorted(nodes, key=lambda node: (-node.total_s, node.name)),
    )


def _node_times(name: str, spans: list[Span]) -> NodeTimes:
    seconds = [span.ended_at - span.started_at for span in spans]
    calls = [span.metadata for span in spans if span.kind == "llm"]
    tokens = sum(call["input_tokens"] + call["output_tokens"] for call in calls)
    return NodeTimes(name=name, count=len(spans), total_s=sum(seconds), median_s=median(seconds), tokens=tokens)


def trace(bench: Workbench, name: str) -> Trace:
    """Return the spans of an episode, finished or not; raises SetupError when the home has none of that name."""
    thread_id = bench.thread_of(name)
    spans = tree_at(bench.home, bench.contents, thread_id)
    if not spans:
        raise SetupError(f"no checkpoints of {thread_id} in {bench.folder}: pruned, or never begun")
    failed = {one["episode_id"]: one["reason"] for one in bench.ledger.failures_of(spans[0].metadata["run_id"])}
    if thread_id in failed:
        spans = tree_at(bench.home, bench.contents, thread_id, failed[thread_id])
    return Trace(spans=spans)


def _waterfall(spans: list[Span]) -> Picture:
    root = spans[0]
    total = max(root.ended_at - root.started_at, 1e-6)
    depth = {root.span_id: 0}
    parts = [text(12, 20, _title(root), bold=True)]
    width = 12 + CHARACTER * len(_title(root))
    for row, span in enumerate(spans):
        depth.setdefault(span.span_id, depth.get(span.parent_id or "", 0) + 1)
        y = 34 + row * ROW
        start = LEFT + AXIS * (span.started_at - root.started_at) / total
        length = max(AXIS * (span.ended_at - span.started_at) / total, 2.0)
        about = f"{1000 * (span.ended_at - span.started_at):.0f} ms  {_about(span)}".rstrip()
        colour = RED if span.error else INK
        parts.append(text(12 + 16 * depth[span.span_id], y + 13, span.name, colour=colour))
        parts.append(box((start, y + 2, length, 14), fill=RED if span.error else COLOURS[span.kind], hint=about))
        parts.append(text(LEFT + AXIS + 12, y + 13, about, colour=DIM))
        width = max(width, LEFT + AXIS + 24 + CHARACTER * len(about))
    return picture("trace", width, 34 + ROW * len(spans) + 6, *parts)


def _title(root: Span) -> str:
    about = root.metadata
    attempts = "1 attempt" if about["attempts"] == 1 else f"{about['attempts']} attempts"
    return f"{about['task_id']} ({about['split']}), {attempts}, {about['model']}"


def _about(span: Span) -> str:
    """Return the figures of a span in words."""
    about, outputs = span.metadata, span.outputs
    if span.parent_id is None:
        return f"reward {outputs['reward']:.2f}" if "reward" in outputs else ""
    if span.kind == "llm":
        cost = "cost unknown" if about["cost_usd"] is None else f"${about['cost_usd']:.4f}"
        return f"{about['input_tokens']} + {about['output_tokens']} tokens, {cost}"
    if span.name == "execute" and outputs:
        return f"{outputs['passed']} of {outputs['total']} tests passed"
    if span.name == "generate":
        return f"attempt {about['attempt']}, {outputs.get('finish', 'not finished')}"
    return ""
