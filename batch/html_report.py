"""The HTML report: one self-contained file, no network."""

import json
import os
import time
from collections import defaultdict
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import fmean

from jinja2 import Environment, StrictUndefined

from batch.model_use import sentences
from batch.summary import CurvePoint, RunSummary, controls_of, counted_of

CURVE_WIDTH, CURVE_HEIGHT, MARGIN = 640, 260, 44
REPORT_FILE = "report.html"
COLOURS = {"validation": "#3b82c4", "test": "#c2571a"}


def write_report(summary: RunSummary, path: Path, home_option: str = "") -> Path:
    """Write the report whole or not at all; return its path.

    home_option: what the commands in the report need to find this home, such as " --home DIR".
    """
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files("batch").joinpath("report.html.jinja").read_text("utf-8")
    html = template.from_string(source).render(
        summary=summary,
        home_option=home_option,
        started=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(summary.run["started_at"])),
        took_s=summary.run["active_s"],
        names=sorted({name for split in summary.splits for name in split.components}),
        repeats=max((split.at_k[0] for split in summary.splits if split.at_k), default=0),
        curve=_curve(summary.curve),
        tasks=_task_rows(summary),
        controls=controls_of(summary.run["settings"]),
        remarks=sentences(summary.model_use),
        settings=json.dumps(summary.run["settings"], indent=1),
    )
    temporary = path.with_suffix(".part")
    temporary.write_text(html, encoding="utf-8")
    os.replace(temporary, path)
    return path


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """One task over the whole run."""

    task_id: str
    split: str
    results: str
    """One sign per episode in the order of the run: solved at once, solved by repair, not solved."""
    solved: int
    n: int
    reward: float
    """Mean over the episodes that count: of the last epoch, or the last measurement."""
    last: str
    """Id of its last episode."""


def _task_rows(summary: RunSummary) -> list[TaskRow]:
    rows = defaultdict(list)
    for _, row in summary.episodes:
        rows[row["split"], row["task_id"]].append(row)
    counted = defaultdict(list)
    for row in counted_of(summary.episodes):
        counted[row["split"], row["task_id"]].append(row)
    return [
        TaskRow(
            task_id=task_id,
            split=split,
            results="".join("●" if r["solved_first"] else "◐" if r["solved"] else "○" for r in some),
            solved=sum(r["solved"] for r in counted[split, task_id]),
            n=len(counted[split, task_id]),
            reward=fmean(r["reward"] for r in counted[split, task_id]),
            last=some[-1]["episode_id"][:10],
        )
        for (split, task_id), some in sorted(rows.items())
    ]


def _curve(points: list[CurvePoint]) -> dict[str, object] | None:
    """Lay the learning curve out as SVG coordinates; None when there are fewer than two points."""
    if len({point.episodes for point in points}) < 2:
        return None
    most = max(point.episodes for point in points)
    width, height = CURVE_WIDTH - 2 * MARGIN, CURVE_HEIGHT - 2 * MARGIN

    def x(episodes: int) -> float:
        return round(MARGIN + width * episodes / most, 1)

    def y(rate: float) -> float:
        return round(MARGIN + height * (1 - rate), 1)

    lines = []
    for split in sorted({point.split for point in points}, reverse=True):
        mine = [point for point in points if point.split == split]
        dots = [
            {"x": x(p.episodes), "y": y(p.solved.value), "low": y(p.solved.low), "high": y(p.solved.high),
             "label": f"{split} after {p.episodes} episodes: {p.solved}, 95 % interval {p.solved.interval}"}
            for p in mine
        ]  # fmt: skip
        lines.append({"split": split, "colour": COLOURS.get(split, "#666"), "dots": dots})
    grid = [{"y": y(step / 4), "label": f"{step / 4:.2f}"} for step in range(5)]
    ticks = [{"x": x(episodes), "label": episodes} for episodes in sorted({point.episodes for point in points})]
    return {"width": CURVE_WIDTH, "height": CURVE_HEIGHT, "lines": lines, "grid": grid, "ticks": ticks}
