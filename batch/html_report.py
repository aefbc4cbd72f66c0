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
from markupsafe import Markup

from batch.curve import curve_svg
from batch.model_use import sentences
from batch.summary import RunSummary, controls_of, counted_of

REPORT_FILE = "report.html"


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
        curve=Markup(curve_svg(summary.curve)),  # noqa: S704 - made of numbers; its texts are escaped
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
