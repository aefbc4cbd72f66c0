"""`run`: learn from tasks, with the report as something that displays itself; `episodes`: results to choose from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsIndex, overload

from batch.curve import curve_svg
from batch.loop import LearningRun, plan_run
from batch.summary import RunSummary, SplitSummary, summarise
from runtime.build import open_services
from runtime.settings import load_settings
from state.ledger import FinishedEpisode
from tasks.load import load_tasks, resolve_tasks
from telemetry.events import Sink, ignore
from workbench.bench import Workbench
from workbench.html import page, table
from workbench.story import result_in_words
from workbench.svg import Picture


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a run came to. Displays itself in a notebook."""

    summary: RunSummary

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.summary.run["run_id"]

    @property
    def curve(self) -> Picture | None:
        """The learning curve; None for a run that measured held-out tasks less than twice."""
        svg = curve_svg(self.summary.curve)
        return Picture(title="learning curve", svg=svg) if svg else None

    def _repr_html_(self) -> str:
        settings = self.summary.run["settings"]
        title = f"{self.run_id}: {settings['n_tasks']} tasks of {settings['task_file']}, {settings['model']}"
        head = ["split", "tasks", "pass@1", "95 % interval", "with repairs", "mean reward", "tokens", "cost"]
        worst = [[row["task_id"], row["reward"], row["episode_id"][:10]] for row in self.summary.worst]
        parts: list[str] = [table(head, [_split_row(split) for split in self.summary.splits])]
        if worst:
            parts.append(table(["worst failures", "reward", "episode"], worst))
        if self.summary.failures:
            parts.append(page(f"{len(self.summary.failures)} episodes have no result and are not counted"))
        return page(title, *parts)


def _has(row: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    return all(row[name] == value for name, value in wanted.items())


class Episodes(list[FinishedEpisode]):
    """Results of episodes. Displays itself in a notebook."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> FinishedEpisode: ...
    @overload
    def __getitem__(self, index: slice) -> "Episodes": ...
    def __getitem__(self, index: SupportsIndex | slice) -> "FinishedEpisode | Episodes":
        """Return one, or some, which display themselves as well."""
        return Episodes(super().__getitem__(index)) if isinstance(index, slice) else super().__getitem__(index)

    def where(self, **wanted: Any) -> "Episodes":
        """Return those whose fields have these values, such as solved=0, split="train", task_id="…"."""
        return Episodes(row for row in self if _has(row, wanted))

    def _repr_html_(self) -> str:
        head = ["episode", "task", "split", "result", "attempts", "reward", "memories shown"]
        return page(f"{len(self)} episodes", table(head, [_episode_row(row) for row in self]))


def run(bench: Workbench, tasks: str | Path, *, events: Sink = ignore, **settings: Any) -> RunReport:
    """Solve the tasks of a file, or of a bundled set such as "katas", and learn from them; return the report.

    settings: those of `ratchet run`, such as model="openai:gpt-5.2", limit=100, batch_size=16, measure_every=2. The
    same call again continues a run that was interrupted, and only reads a finished one. events: hears how it goes on.
    Raises SetupError for what the caller can fix, TransientError when the model stays down.
    """
    services = open_services(load_settings(**{**settings, "home": bench.folder}))
    try:
        plan = plan_run(services.settings, load_tasks(resolve_tasks(str(tasks))).tasks, str(tasks), services)
        learning = LearningRun(plan, services, events)
        try:
            learning.drive()
        finally:
            learning.close()
        return RunReport(summary=summarise(services.ledger, plan.run_id))
    finally:
        services.close()


def report(bench: Workbench, run_id: str) -> RunReport:
    """Return the report of a run, or of what it has come to so far; raises SetupError when there is none."""
    return RunReport(summary=summarise(bench.ledger, run_id))


def episodes(bench: Workbench, run_id: str) -> Episodes:
    """Return the results that a run used, in its order, each once."""
    rows: Iterable[FinishedEpisode] = (row for _, row in bench.ledger.episodes_of(run_id))
    return Episodes({row["episode_id"]: row for row in rows}.values())


def _split_row(split: SplitSummary) -> list[str]:
    cost = "unknown" if split.cost_usd is None else f"${split.cost_usd:.4f}"
    rates = [str(split.first), split.first.interval, str(split.solved)]
    return [split.split, str(split.tasks), *rates, f"{split.reward:.2f}", f"{split.tokens:,}", cost]


def _episode_row(row: FinishedEpisode) -> list[str]:
    memories = str(len(row["outcome"]["memories"]) or "")
    figures = [str(row["attempts"]), f"{row['reward']:.2f}", memories]
    return [row["episode_id"][:10], row["task_id"], row["split"], result_in_words(row), *figures]
