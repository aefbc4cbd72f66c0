"""`ratchet trace`: an episode as a tree of spans; as a file for other tools; to LangSmith where it got lost."""

import json
import time
from pathlib import Path

from rich.text import Text
from rich.tree import Tree

from batch.traces import send_lost, tree_at
from checkpoints.ledger import Ledger
from cli.show import opened_home
from cli.tables import counted, stdout_console
from runtime.settings import load_settings
from state.errors import SetupError
from storage.contents import ContentStore
from storage.engine import Home
from telemetry.otel import otel_json
from telemetry.tree import Span

SHOWN = 20  # episodes of a run on the terminal


def trace_one(name: str, home: Path | None, *, otel: Path | None, send: bool, as_json: bool) -> None:
    """Print an episode's spans, or write or send those of an episode or a run.

    Raises SetupError when the home has nothing of that name, or a file cannot be written.
    """
    with opened_home(home) as opened:
        if send:
            return _send(opened, name)
        trees = _trees(opened, name)
    if otel is not None:
        return _write(otel, [span for tree in trees for span in tree])
    for tree in trees if as_json else trees[:SHOWN]:
        if as_json:
            print(json.dumps(otel_json(tree), ensure_ascii=False))
        else:
            stdout_console().print(_drawn(tree), soft_wrap=True)
    if len(trees) > SHOWN and not as_json:
        more = "`ratchet trace EPISODE` shows one, --json and --otel FILE give all"
        stdout_console().print(f"… and {counted(len(trees) - SHOWN, 'later episode')}: {more}", soft_wrap=True)
    return None


def _trees(home: Home, name: str) -> list[list[Span]]:
    """Return the tree of an episode, or those of all that a run executed itself, by when they began."""
    ledger, contents = Ledger(home), ContentStore(home)
    run = ledger.run(name) if name.startswith("run-") else None
    if run is not None:
        failed = {failure["episode_id"]: failure["reason"] for failure in ledger.failures_of(run["run_id"])}
        executed = dict.fromkeys(sorted(ledger.ran_itself(run["run_id"])), "")
        found = [tree_at(home, contents, one, reason) for one, reason in (executed | failed).items()]
    else:
        row = ledger.episode(name)
        found = [tree_at(home, contents, row["episode_id"] if row else name)]
    trees = sorted((tree for tree in found if tree), key=lambda tree: (tree[0].started_at, tree[0].metadata["task_id"]))
    if not trees:
        raise SetupError(f"no run and no episode {name!r} in {home.name}; `ratchet runs` lists the runs")
    return trees


def _send(home: Home, name: str) -> None:
    run = Ledger(home).run(name)
    if run is None:
        raise SetupError(f"no run {name!r} in {home.name}; `ratchet runs` lists the runs")
    count = send_lost(home, load_settings(home=home.folder), run["run_id"])
    stdout_console().print(f"sent {counted(count, 'trace')} of {run['run_id']}")


def _write(path: Path, spans: list[Span]) -> None:
    try:
        path.write_text(json.dumps(otel_json(spans), ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from error
    stdout_console().print(f"{len(spans)} spans written to {path} (OpenTelemetry JSON)", soft_wrap=True)


def _drawn(tree: list[Span]) -> Tree:
    root = tree[0]
    drawn = {root.span_id: Tree(_label(root), guide_style="dim")}
    for span in tree[1:]:
        assert span.parent_id is not None, "only the root has no parent"
        drawn[span.span_id] = drawn[span.parent_id].add(_label(span))
    return drawn[root.span_id]


def _label(span: Span) -> Text:
    label = Text.assemble((span.name, "bold"), f"  {(span.ended_at - span.started_at) * 1000:.0f} ms")
    for part in _about(span):
        label.append(f"  {part}")
    return label.append(f"  {span.error}", style="red") if span.error else label


def _about(span: Span) -> list[str]:
    about = span.metadata
    if span.parent_id is None:
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(span.started_at))
        reward = [f"reward {span.outputs['reward']:.2f}"] if "reward" in span.outputs else []
        return [f"{about['task_id']} ({about['split']})", about["run_id"], began, *reward]
    if span.kind == "llm":
        cost = "cost unknown" if about["cost_usd"] is None else f"${about['cost_usd']:.4f}"
        return [str(about["model"]), f"{about['input_tokens']} + {about['output_tokens']} tokens", cost]
    if span.name == "generate":
        return [f"attempt {about['attempt']}, {span.outputs.get('finish', 'not finished')}"]
    if span.name == "execute" and span.outputs:
        return [f"{span.outputs['passed']} of {span.outputs['total']} tests passed, {span.outputs['status']}"]
    return []
