"""`optimise`: prompt optimisation from a notebook, its candidates as a tree and as a front."""

from pathlib import Path
from statistics import fmean
from typing import Any

from batch.optimisation_report import tree_of
from batch.optimisation_summary import CandidateSummary, OptimisationSummary, summarise_optimisation
from batch.optimise import OptimisationRun, plan_optimisation
from checkpoints.optimisations import OptimisationLog
from prompts.registry import PromptRegistry
from runtime.build import open_services
from runtime.settings import load_settings
from tasks.load import load_tasks, resolve_tasks
from telemetry.events import Sink, ignore
from workbench.bench import Workbench
from workbench.svg import (
    AMBER,
    BLUE,
    CHARACTER,
    DIM,
    GREEN,
    LINE,
    VIOLET,
    Picture,
    box,
    path,
    picture,
    short,
    text,
)

ROW, INDENT, TOP = 26.0, 26.0, 40.0  # pixels: of a candidate's row, per generation, above the first row
BY = {"seed": LINE, "skill_lines": BLUE, "drop_lines": AMBER, "merge": VIOLET}  # others: green
MOST_CELLS = 60  # tasks that a front shows


def optimise(bench: Workbench, tasks: str | Path, *, events: Sink = ignore, **settings: Any) -> OptimisationSummary:
    """Optimise the prompts on a task file, or a bundled set such as "katas"; return what it came to.

    settings: those of `ratchet optimise`, such as limit=100 or optimiser={"iterations": 5}. The same call again goes on
    with an optimisation that was interrupted, and only reads a finished one. What is promoted is in use in new runs.
    Raises SetupError for what the caller can fix, TransientError when the model stays down.
    """
    services = open_services(load_settings(**{**settings, "home": bench.folder}))
    try:
        plan = plan_optimisation(services, load_tasks(resolve_tasks(str(tasks))).tasks, str(tasks))
        going = OptimisationRun(plan, services, events)
        try:
            if not going.is_finished():
                going.drive()
        finally:
            going.close()
        return summarise_optimisation(services.ledger, services.optimisations, services.prompts, plan.run_id)
    finally:
        services.close()


def optimisation(bench: Workbench, name: str) -> OptimisationSummary:
    """Return what an optimisation came to, or has come to so far; raises SetupError when there is none."""
    return summarise_optimisation(bench.ledger, OptimisationLog(bench.home), PromptRegistry(bench.home), name)


def candidate_tree(summary: OptimisationSummary) -> Picture:
    """Draw the candidates below their parents, with who proposed them and their mean validation score.

    Filled: on the front. A dashed line leads to the second parent of a merge. The one that was promoted is marked.
    """
    tree = tree_of(summary.candidates)
    place = {c.index: (20 + depth * INDENT, TOP + row * ROW) for row, (depth, c) in enumerate(tree)}
    promoted = (summary.ending or {}).get("promoted", "")
    left = max(x for x, _ in place.values()) + 24
    words = {c.index: _candidate_in_words(c, c.prompt_set == promoted) for c in summary.candidates}
    parts = [text(12, 20, f"{len(tree)} candidates of {summary.run['run_id']}", bold=True)]
    for _, candidate in tree:
        x, y = place[candidate.index]
        for number, parent in enumerate(candidate.parents):
            above = place[parent]
            parts.append(path(f"M{above[0]},{above[1]} V{y} H{x}", dashed=number > 0))
    for _, candidate in tree:
        x, y = place[candidate.index]
        colour = BY.get(candidate.proposer, GREEN)
        fill = colour if candidate.front else "#ffffff"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{fill}" stroke="{colour}" stroke-width="2"/>')
        is_promoted = candidate.prompt_set == promoted
        parts.append(text(left, y + 4, words[candidate.index], bold=is_promoted))
    width = left + CHARACTER * max(map(len, words.values())) + 16
    return picture("candidates", width, TOP + ROW * len(tree), *parts)


def _cell(place: tuple[float, float, float, float], score: float | None, best: float, what: str) -> str:
    if score is None:
        return box(place, fill="#ffffff", edge="#e4e7ec", hint=f"{what}: no result")
    edge = GREEN if score == best > 0 else "#e4e7ec"
    return box(place, fill=f"hsl(211 55% {97 - 50 * score:.0f}%)", edge=edge, hint=f"{what}: {score:.3f}")


def front(bench: Workbench, summary: OptimisationSummary) -> Picture:
    """Draw every candidate's score on every validation task: darker is better, framed where no other one is better.

    A candidate with a frame is on the Pareto front, from which parents are drawn.
    """
    vectors = _vectors(bench, summary)
    tasks = sorted({task for vector in vectors for task in vector})[:MOST_CELLS]
    best = {task: max(vector.get(task, -1.0) for vector in vectors) for task in tasks}
    side, left = 15.0, 116.0
    parts = [text(12, 20, f"scores on {len(tasks)} validation tasks, a column each", bold=True)]
    for row, vector in enumerate(vectors):
        y = TOP + row * (side + 5)
        parts.append(text(12, y + 12, f"{row}  mean {fmean(vector.values()):.3f}", colour=DIM))
        for column, task in enumerate(tasks):
            place = (left + column * (side + 2), y, side, side)
            parts.append(_cell(place, vector.get(task), best[task], f"candidate {row} on {task}"))
    width = max(left + len(tasks) * (side + 2) + 12, 330)
    return picture("front", width, TOP + len(vectors) * (side + 5) + 8, *parts)


def _candidate_in_words(candidate: CandidateSummary, is_promoted: bool) -> str:
    merged = f" of {' and '.join(map(str, candidate.parents))}" if len(candidate.parents) > 1 else ""
    why = f": {short(candidate.why, 60)}" if candidate.why else ""
    end = "  ← promoted" if is_promoted and candidate.index else ""
    return f"{candidate.index}  {candidate.validation:.3f}  {candidate.proposer}{merged}{why}{end}"


def _vectors(bench: Workbench, summary: OptimisationSummary) -> list[dict[str, float]]:
    """Return the validation scores of every candidate, by task."""
    steps = OptimisationLog(bench.home).steps(summary.run["run_id"])
    return [record["validation"] for _, kind, record in steps if kind != "end" and record.get("validation")]
