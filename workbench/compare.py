"""`compare`: two episodes, or two runs, side by side."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from statistics import fmean
from typing import Any, TypeAlias

from batch.summary import counted_of
from checkpoints.differences import MEASURED, differences
from checkpoints.history import history, is_step, values_of, waiting_nodes
from state.episode import usages_of
from state.errors import SetupError
from state.ledger import FinishedEpisode
from state.task import SPLITS
from workbench.bench import Workbench
from workbench.html import diff, page, table
from workbench.paired import Paired, paired
from workbench.story import Story, detail_of, story

ITSELF = frozenset({*MEASURED, "episode"})  # what an episode is about is in the table of facts
TaskKey: TypeAlias = tuple[str, str]
"""Split and content address of a task."""
_Step: TypeAlias = tuple[str, Mapping[str, Any]]
"""The names of the nodes that ran, and the state that they left."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a comparison."""

    label: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        """Whether the two sides differ."""
        return self.first != self.second


@dataclass(frozen=True, kw_only=True)
class EpisodeComparison:
    """Two episodes side by side. Displays itself in a notebook."""

    first: Story
    second: Story
    rows: list[Row]
    """Task, model, result, reward, cost."""
    nodes: list[Row]
    """What the n-th node of each left: "same", or the paths that differ."""
    verdicts: list[Row]
    """Every test of every attempt."""
    code_diff: list[str]
    """Unified diff of the latest programs; [] when they are the same."""

    def title(self) -> str:
        """Return what is compared."""
        return f"{self.first.thread_id[:15]} and {self.second.thread_id[:15]}"

    def _repr_html_(self) -> str:
        head = ["", self.first.thread_id[:15], self.second.thread_id[:15]]
        shown = [table(head, [[r.label, r.first, r.second] for r in part]) for part in (self.rows, self.nodes)]
        tests = table(head, [[r.label, r.first, r.second] for r in self.verdicts])
        return page(self.title(), *shown, diff(self.code_diff) if self.code_diff else "", tests)


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """Two runs on the tasks that they have in common. Displays itself in a notebook."""

    first: str
    second: str
    splits: list[tuple[str, Paired]]
    """pass@1 per split: the second run's minus the first's."""
    rewards: list[tuple[str, float, float]]
    """(split, mean reward of the first, of the second) over the same tasks."""
    costs: list[Row]
    changed: list[Row]
    """Tasks that only one of the two solved at the first attempt."""
    settings: list[Row]
    """Settings in which the runs differ."""

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return head and rows of the paired table."""
        head = ["split", "tasks", "both", f"only {self.first}", f"only {self.second}", "neither", "difference"]
        rows = [
            [name, str(p.n), str(p.both), str(p.only_first), str(p.only_second), str(p.neither), p.in_words]
            for name, p in self.splits
        ]
        return head, rows

    def _repr_html_(self) -> str:
        head = ["", self.first, self.second]
        rewards = [[f"mean reward, {name}", f"{one:.3f}", f"{two:.3f}"] for name, one, two in self.rewards]
        sides = [[r.label, r.first, r.second] for r in [*self.settings, *self.costs]]
        changed = [[r.label, r.first, r.second] for r in self.changed]
        return page(f"pass@1 of {self.second} minus {self.first}", table(*self.table()),
                    table(head, rewards + sides), table(head, changed) if changed else "")  # fmt: skip


def compare(bench: Workbench, first: str, second: str) -> EpisodeComparison | RunComparison:
    """Compare two episodes (forks too) or two runs of a home.

    Raises SetupError for names that it does not have, for an episode and a run, and for runs without a common task.
    """
    runs = bench.run_of(first), bench.run_of(second)
    if runs[0] and runs[1]:
        return _compare_runs(bench, runs[0]["run_id"], runs[1]["run_id"])
    stories = [story(bench, one) for one, run in zip((first, second), runs, strict=True) if run is None]
    if len(stories) < len(runs):
        raise SetupError(f"{first} and {second}: compare two runs, or two episodes")
    return _compare_episodes(bench, *stories)


def _compare_episodes(bench: Workbench, first: Story, second: Story) -> EpisodeComparison:
    sides = [_facts(first), _facts(second)]
    labels = dict.fromkeys([*sides[0], *sides[1]])
    codes = first.code.splitlines(), second.code.splitlines()
    names = first.thread_id[:15], second.thread_id[:15]
    return EpisodeComparison(
        first=first,
        second=second,
        rows=[Row(label=name, first=sides[0].get(name, ""), second=sides[1].get(name, "")) for name in labels],
        nodes=_nodes(bench, first, second),
        verdicts=_verdicts(first, second),
        code_diff=list(difflib.unified_diff(codes[0], codes[1], names[0], names[1], lineterm="")),
    )


def _facts(told: Story) -> dict[str, str]:
    """Return what is said of an episode, by label."""
    episode, attempts = told.state["episode"], told.state.get("attempts", [])
    facts = {
        "task": f"{episode['task_id']} ({episode['split']}, repeat {episode['repeat'] + 1})",
        "model": episode["model"],
        "prompt set": episode["prompt_set"][:10],
        "memories shown": ", ".join(m["memory_id"][:8] for m in told.state.get("memories", [])),
        "result": told.result,
        "attempts": str(len(attempts)),
    }
    if "reward" in told.state:
        facts["reward"] = f"{told.state['reward']['total']:.3f}"
        facts |= {f"  {name}": f"{value:.3f}" for name, value in sorted(told.state["reward"]["components"].items())}
    usages = usages_of(told.state)
    facts["tokens"] = f"{sum(usage['prompt_tokens'] + usage['completion_tokens'] for usage in usages):,}"
    facts["cost"] = _money([usage["cost_usd"] for usage in usages])
    facts["model time"] = f"{sum(usage['model_s'] for usage in usages):.2f} s"
    facts["sandbox CPU time"] = f"{sum(a['report']['cpu_s'] for a in attempts if a['report']):.3f} s"
    return facts


def _nodes(bench: Workbench, first: Story, second: Story) -> list[Row]:
    """Compare what the n-th node of each episode left."""
    steps = [
        [(", ".join(waiting_nodes(before)), values_of(after)) for before, after in _steps(bench, side.thread_id)]
        for side in (first, second)
    ]
    return [_node_row(one, two) for one, two in zip_longest(*steps, fillvalue=("", {}))]


def _node_row(one: _Step, two: _Step) -> Row:
    (name, left), (other_name, left_by_other) = one, two
    if name != other_name:
        return Row(label="", first=name, second=other_name)
    found = [d.path for d in differences(left, left_by_other, ITSELF)]
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return Row(label=name, first="", second=", ".join(found[:4]) + more if found else "same")


def _steps(bench: Workbench, thread_id: str) -> list[tuple[Any, Any]]:
    points = history(bench.saver, thread_id)
    return [(before, after) for before, after in pairwise(points) if is_step(after)]


def _verdicts(first: Story, second: Story) -> list[Row]:
    """Compare the verdicts of the n-th attempts, test by test."""
    rows = []
    for number, attempts in enumerate(zip_longest(first.story.attempts, second.story.attempts), start=1):
        for one, two in zip_longest(*[attempt.verdicts if attempt else [] for attempt in attempts]):
            test = one or two
            words = [f"{v['status']} {detail_of(v)}".strip() if v else "" for v in (one, two)]
            hidden = "visible" if test["visible"] else "hidden"
            label = f"attempt {number}, {test['name']} ({hidden})"
            rows.append(Row(label=label, first=words[0], second=words[1]))
    return rows


def _compare_runs(bench: Workbench, first: str, second: str) -> RunComparison:
    counted = [counted_of(bench.ledger.episodes_of(run_id)) for run_id in (first, second)]
    old, new = map(_by_task, counted)
    common = [key for key in old if key in new]
    if not common:
        raise SetupError(f"{first} and {second} have no task in common")
    by_split = list(_keys_by_split(common))
    return RunComparison(
        first=first,
        second=second,
        splits=[(split, paired([(_rate(old[key]), _rate(new[key])) for key in keys])) for split, keys in by_split],
        rewards=[(split, _mean_reward(old, keys), _mean_reward(new, keys)) for split, keys in by_split],
        costs=_costs(counted),
        changed=[_change(old[key], new[key]) for key in common if _rate(old[key]) != _rate(new[key])],
        settings=_settings(bench, first, second),
    )


def _mean_reward(by_task: Mapping[TaskKey, Sequence[FinishedEpisode]], keys: Sequence[TaskKey]) -> float:
    """Return the mean over tasks, however often each was tried."""
    return fmean(fmean(row["reward"] for row in by_task[key]) for key in keys)


def _keys_by_split(keys: Sequence[TaskKey]) -> Iterator[tuple[str, list[TaskKey]]]:
    """Give each split's tasks, and all of them where they are of several splits."""
    splits = {split for split, _ in keys}
    for split in SPLITS:
        if split in splits:
            yield split, [key for key in keys if key[0] == split]
    if len(splits) > 1:
        yield "all", list(keys)


def _change(first: Sequence[FinishedEpisode], second: Sequence[FinishedEpisode]) -> Row:
    words = [
        f"{sum(row['solved_first'] for row in rows)} of {len(rows)} ({rows[-1]['episode_id'][:10]})"
        for rows in (first, second)
    ]
    return Row(label=first[0]["task_id"], first=words[0], second=words[1])


def _by_task(rows: Sequence[FinishedEpisode]) -> dict[TaskKey, list[FinishedEpisode]]:
    found: dict[TaskKey, list[FinishedEpisode]] = {}
    for row in rows:
        found.setdefault((row["split"], row["task"]), []).append(row)
    return found


def _rate(rows: Sequence[FinishedEpisode]) -> float:
    return sum(row["solved_first"] for row in rows) / len(rows)


def _costs(counted: Sequence[Sequence[FinishedEpisode]]) -> list[Row]:
    tokens = [f"{sum(r['prompt_tokens'] + r['completion_tokens'] for r in rows):,}" for rows in counted]
    money = [_money([row["cost_usd"] for row in rows]) for rows in counted]
    seconds = [f"{sum(row['model_s'] for row in rows):.1f} s" for rows in counted]
    named = {"tokens": tokens, "cost": money, "model time": seconds}
    return [Row(label=name, first=first, second=second) for name, (first, second) in named.items()]


def _settings(bench: Workbench, first: str, second: str) -> list[Row]:
    sides = [(bench.ledger.run(run_id) or {"settings": {}})["settings"] for run_id in (first, second)]
    names = sorted({*sides[0], *sides[1]})
    rows = [Row(label=name, first=str(sides[0].get(name, "")), second=str(sides[1].get(name, ""))) for name in names]
    return [row for row in rows if row.differs]


def _money(costs: Sequence[float | None]) -> str:
    known = [cost for cost in costs if cost is not None]
    return f"${sum(known):.4f}" if len(known) == len(costs) else "unknown"
