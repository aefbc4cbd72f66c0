"""`ratchet optimise`."""

import dataclasses
import json
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from batch.optimisation_report import tree_of, write_optimisation_report
from batch.optimisation_summary import OptimisationSummary, summarise_optimisation
from batch.optimise import Estimate, OptimisationPlan, OptimisationRun, estimate, fork, plan_optimisation
from batch.progress import ProgressTracker
from cli.live import watching
from cli.replay import replay_one
from cli.run import log_to, stopping
from cli.tables import counted, stdout_console
from runtime.build import Services, open_services
from runtime.settings import Settings
from state.errors import SetupError, StoppedError
from state.optimization import RESOURCES
from tasks.load import LoadedTasks

REPORT_FILE = "report.html"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command is asked for besides a plain run."""

    dry_run: bool = False
    replay: bool = False
    fork: str = ""
    """An optimisation whose pool is continued, as opt-1a2b3c4d5e:7 for its seventh iteration."""
    as_json: bool = False


def optimise_prompts(name: str, settings: Settings, loaded: LoadedTasks, wish: Wish) -> int:
    """Optimise the prompts on a task file and print the report; return the exit code.

    Raises SetupError for what the user can fix, StoppedError after Ctrl-C, TransientError when the model stays down.
    """
    services = open_services(settings)
    try:
        plan = plan_optimisation(services, loaded.tasks, name, fork_of=wish.fork)
        if wish.dry_run:
            _print_estimate(plan, services, as_json=wish.as_json)
            return 0
        if wish.replay:
            return replay_one(plan.run_id, settings.home, as_json=wish.as_json)
        summary, report = _run(plan, services, wish.fork)
        if wish.as_json:
            print_optimisation_json(summary)
        else:
            print_optimisation(summary, report)
        if report is not None:
            write_optimisation_report(summary, report)
        return 0
    finally:
        services.close()


def origin_of(text: str) -> tuple[str, int]:
    """Read OPTIMISATION:ITERATION; raises SetupError that says how it is written."""
    origin, _, number = text.partition(":")
    if not (origin.startswith("opt-") and number.isdigit()):
        raise SetupError(f"--fork {text!r}: write it as opt-1a2b3c4d5e:7, the optimisation and its iteration")
    return origin, int(number)


def _run(plan: OptimisationPlan, services: Services, fork_of: str) -> tuple[OptimisationSummary, Path | None]:
    tracker = ProgressTracker()
    run = OptimisationRun(plan, services, tracker)
    try:
        log_to(run.folder / "run.log", services.home)
        if fork_of:
            fork(run, *origin_of(fork_of))
        if run.is_finished():
            print(f"{plan.run_id} has finished already; this is its report", file=sys.stderr)
        else:
            with stopping(run), watching(tracker, plan.run_id, sum(plan.counts.values()), services.settings):
                run.drive()
    except StoppedError as error:
        raise StoppedError(
            f"stopped: everything that has finished of {plan.run_id} is saved. Run the same command again to continue"
        ) from error
    finally:
        run.close()
    summary = summarise_optimisation(services.ledger, services.optimisations, services.prompts, plan.run_id)
    return summary, run.folder / REPORT_FILE if services.home.seal is None else None


def _print_estimate(plan: OptimisationPlan, services: Services, *, as_json: bool) -> None:
    found = estimate(plan, services)
    if as_json:
        print(json.dumps({"optimisation": plan.run_id, **dataclasses.asdict(found)}))
        return
    console = stdout_console()
    counts = ", ".join(f"{count} {split}" for split, count in plan.counts.items())
    console.print(f"{plan.run_id}: {counts} tasks, model {plan.settings['model']}; nothing has been run")
    measured = counted(found.baseline, "rollout")
    console.print(f"measuring the first candidate: {measured}{' that the ledger lacks' if found.baseline else ''}")
    console.print(f"an iteration: {found.least} to {found.most} rollouts and at least one call of the proposing model")
    most = found.baseline + found.iterations * found.most
    limits = f"at most {counted(found.iterations, 'iteration')}, so at most {counted(most, 'rollout')}"
    console.print(f"{limits}; usually it stalls long before")
    console.print(_time_of(found, services.settings.concurrency), soft_wrap=True)
    for name, limit in services.settings.optimiser.budget.items():
        console.print(f"limit: {limit:g} {name}")
    if found.tokens_per_rollout is not None:
        console.print(f"a rollout took {found.tokens_per_rollout:,.0f} tokens so far")
    console.print(
        "Next: the same command without --dry-run; --budget rollouts=500 caps what it may spend", soft_wrap=True
    )


def _time_of(found: Estimate, concurrency: int) -> str:
    """Say how long it may take, from how long rollouts took."""
    if found.seconds_per_rollout is None:
        return "how long it takes is unknown: no optimisation of this home has run a rollout of this model yet"
    minutes = found.seconds_per_rollout / concurrency / 60
    first, one = found.baseline * minutes, [n * minutes for n in (found.least, found.most)]
    each = f"{one[0]:.1f} to {one[1]:.1f} min an iteration, {concurrency} wide"
    return f"about {first:.1f} min for the first candidate, {each}"


def print_optimisation_json(summary: OptimisationSummary) -> None:
    """Print the summary as one line of JSON."""
    print(json.dumps({"kind": "optimisation", **dataclasses.asdict(summary)}, ensure_ascii=False))


def print_optimisation(summary: OptimisationSummary, report: Path | None) -> None:
    """Print an optimisation's report as tables."""
    console = stdout_console()
    console.print(_candidate_table(summary))
    for candidate in summary.candidates[1:]:
        console.print(f"Candidate {candidate.index}: {candidate.gate}", soft_wrap=True)
        _print_diff(console, candidate.diff)
    console.print(_spend_table(summary))
    decisions = [i.decision for i in summary.iterations]
    made = ", ".join(f"{decisions.count(d)} {name}" for d, name in _DECISIONS.items() if d in decisions)
    console.print(
        f"{counted(len(decisions), 'iteration')}: {made or 'none'}; {summary.failures} proposals failed or unusable"
    )
    if summary.total["unpriced"]:
        console.print(f"the price of {summary.total['unpriced']:.0f} model calls is unknown")
    if summary.ending:
        console.print(f"ended: {summary.ending['reason']}", soft_wrap=True)
    console.print(summary.verdict_line, style="bold", soft_wrap=True)
    for line in summary.test_lines:
        console.print(f"  test tasks: {line}", soft_wrap=True)
    if report is not None:
        console.print(f"Report: {report}", soft_wrap=True)


_DECISIONS = {"draft": "taught further", "accept": "accepted", "reject": "rejected", "none": "without a child"}


def _candidate_table(summary: OptimisationSummary) -> Table:
    run = summary.run
    title = f"{run['run_id']}: {run['settings']['model']}, {run['status']}, {run['active_s']:.0f} s of work"
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for column in ("candidate", "prompt set", "by", "iteration", "validation", "front", "what changed"):
        table.add_column(column, no_wrap=column != "what changed")
    for depth, candidate in tree_of(summary.candidates):
        merged = f" ({' + '.join(map(str, candidate.parents))})" if len(candidate.parents) > 1 else ""
        cells = [f"{'· ' * depth}{candidate.index}{merged}", candidate.prompt_set[:10], candidate.proposer]
        cells += [str(candidate.iteration), f"{candidate.validation:.4f}", str(candidate.front or "")]
        table.add_row(*cells, candidate.why)
    return table


def _spend_table(summary: OptimisationSummary) -> Table:
    table = Table(title="What it cost", box=box.SIMPLE_HEAD)
    table.add_column("for")
    for resource in RESOURCES:
        table.add_column(resource, justify="right")
    for purpose, line in [*summary.spend.items(), ("all", summary.total)]:
        table.add_row(purpose, *[f"{line.get(resource, 0):,.6g}" for resource in RESOURCES])
    return table


def _print_diff(console: Console, diff: dict[str, list[str]]) -> None:
    for lines in diff.values():
        for line in lines[2:]:
            colour = "green" if line.startswith("+") else "red" if line.startswith("-") else None
            console.print(f"  {line}", style=colour, soft_wrap=True)
