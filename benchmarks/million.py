"""What a million episodes on a hundred machines would take: size, writes, bottleneck, cost, from measured figures.

    python -m benchmarks.million [--episodes 1000000] [--nodes 100] [--latencies FILE.jsonl] [--help]

Measures first what an episode of this version costs (processor time, commits, kilobytes) with a model that answers at
once; then calculates. What it cannot measure here is an option, with its default printed: what an execution in the
sandbox takes, how many commits a second the database server takes (benchmarks/scale.py prints it), and the prices.
--latencies: answers of a real model, one JSON object a line with duration_s, prompt_tokens, completion_tokens.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from sqlalchemy import Engine, event

from benchmarks.engine import kib_per_episode, ratchet
from checkpoints.joining import JoiningSqliteSaver

SAMPLE = 1000


@dataclass(frozen=True, kw_only=True)
class Episode:
    """What one takes, on average."""

    cpu_s: float
    """Of the process that runs it, the sandbox's own left out."""
    commits: float
    """Of rows."""
    checkpoint_commits: float
    """A super-step's writes are committed with the checkpoint that follows."""
    kib: float
    checkpoint_kib: float


@contextmanager
def counted(owner: Any, name: str, counts: dict[str, int]) -> Iterator[None]:
    """Count the calls of a method until the block ends."""
    original: Callable[..., Any] = getattr(owner, name)

    def counting(*args: Any, **kwargs: Any) -> Any:
        counts[name] = counts.get(name, 0) + 1
        return original(*args, **kwargs)

    setattr(owner, name, counting)
    try:
        yield
    finally:
        setattr(owner, name, original)


def measure() -> Episode:
    """Run a thousand episodes on SQLite, one at a time, and count."""
    counts: dict[str, int] = {}
    folder = Path(tempfile.mkdtemp(prefix="million-"))

    def committed(_connection: object) -> None:
        counts["commit"] = counts.get("commit", 0) + 1

    event.listen(Engine, "commit", committed)
    try:
        with counted(JoiningSqliteSaver, "put", counts):
            marks = ratchet(SAMPLE, 3, folder)
        sizes = kib_per_episode(folder, SAMPLE)
    finally:
        event.remove(Engine, "commit", committed)
        shutil.rmtree(folder)
    checkpoints = sizes.pop("checkpoints.db")
    return Episode(
        cpu_s=median(marks.cpu_ms()) / 1e3,
        commits=counts["commit"] / SAMPLE,
        checkpoint_commits=counts["put"] / SAMPLE,
        kib=sum(sizes.values()),
        checkpoint_kib=checkpoints,
    )


def answers(file: Path | None, options: argparse.Namespace) -> tuple[float, float, float]:
    """Return mean seconds, prompt tokens and completion tokens of an answer."""
    if file is None:
        return options.latency_s, options.prompt_tokens, options.completion_tokens
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    names = ("duration_s", "prompt_tokens", "completion_tokens")
    seconds, prompt, completion = (fmean(row[name] for row in rows) for name in names)
    return seconds, prompt, completion


def report(one: Episode, options: argparse.Namespace) -> None:
    """Print the calculation."""
    o = options
    latency_s, prompt, completion = answers(o.latencies, o)
    cores = o.nodes * o.cores
    busy_s = one.cpu_s + o.sandbox_cpu_s * o.calls
    alone_s = latency_s * o.calls + busy_s
    commits = one.commits + one.checkpoint_commits
    rates = {
        f"the model: {o.in_flight:,} episodes in flight, {alone_s:.1f} s each": o.in_flight / alone_s,
        f"the processors: {cores:,} cores, {busy_s * 1e3:.0f} ms each": cores / busy_s,
        f"the database: {o.commits_per_s:,.0f} commits/s, {commits:.1f} each": o.commits_per_s / commits,
    }
    if o.requests_per_minute:
        rates[f"the provider: {o.requests_per_minute:,} requests a minute"] = o.requests_per_minute / 60 / o.calls
    pace = min(rates.values())
    gib, hours = 1024 * 1024, o.episodes / pace / 3600
    machines = hours * (o.nodes * o.node_price + o.database_price)
    tokens = o.episodes * o.calls * (prompt * o.input_price + completion * o.output_price) / 1e6
    lines = [
        f"{o.episodes:,} episodes on {o.nodes} nodes of {o.cores} cores, {o.calls:g} model calls each",
        "",
        f"measured here, per episode: {one.cpu_s * 1e3:.1f} ms of processor; {one.commits:.1f} commits of rows,",
        f"  {one.checkpoint_commits:.1f} of checkpoints; {one.kib:.1f} KiB of rows and {one.checkpoint_kib:.1f}",
        "  of checkpoints",
        f"assumed: {o.sandbox_cpu_s * 1e3:.0f} ms of processor per execution; an answer takes {latency_s:.2f} s,",
        f"  {prompt:.0f} tokens in and {completion:.0f} out; ${o.node_price:.2f} a node-hour,",
        f"  ${o.database_price:.2f} a database-hour, ${o.input_price:.2f} and ${o.output_price:.2f} a million tokens",
        "",
        *(f"  {rate:10,.0f} episodes/s allowed by {name}" for name, rate in sorted(rates.items(), key=lambda r: r[1])),
        "",
        f"  bottleneck    {min(rates, key=lambda name: rates[name]).partition(':')[0]}, {pace:,.0f} episodes/s",
        f"  duration      {hours:.2f} h",
        f"  writes        {pace * commits:,.0f} commits/s; {pace * one.commits:,.0f} of rows, which wait for the disk",
        f"  database      {o.episodes * one.kib / gib:.0f} GiB of rows, {o.episodes * one.checkpoint_kib / gib:.0f} of "
        f"checkpoints; {pace * (one.kib + one.checkpoint_kib) / 1024:.0f} MiB/s",
        f"  connections   {o.nodes * o.actors * 17:,} at most, of {o.nodes * o.actors} processes",
        f"  cost          ${machines:,.0f} for machines, ${tokens:,.0f} for tokens",
    ]
    print("\n".join(lines))


def main() -> None:
    """Measure, then print the calculation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--cores", type=int, default=4, help="of a node")
    parser.add_argument("--actors", type=int, default=2, help="processes on a node")
    parser.add_argument("--in-flight", type=int, default=6_400, help="episodes at one time: 64 a node")
    parser.add_argument("--calls", type=float, default=1.5, help="model calls, and executions, of an episode")
    parser.add_argument("--latencies", type=Path)
    parser.add_argument("--latency-s", type=float, default=5.0)
    parser.add_argument("--prompt-tokens", type=float, default=1500)
    parser.add_argument("--completion-tokens", type=float, default=250)
    parser.add_argument("--requests-per-minute", type=int, help="that the provider allows")
    parser.add_argument("--sandbox-cpu-s", type=float, default=0.03)
    parser.add_argument("--commits-per-s", type=float, default=10_000)
    parser.add_argument("--node-price", type=float, default=0.17)
    parser.add_argument("--database-price", type=float, default=1.5)
    parser.add_argument("--input-price", type=float, default=0.25)
    parser.add_argument("--output-price", type=float, default=2.0)
    options = parser.parse_args()
    report(measure(), options)


if __name__ == "__main__":
    main()
