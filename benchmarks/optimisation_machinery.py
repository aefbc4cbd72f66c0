"""The optimiser itself, apart from any model: what it finds in a planted one, what it costs, what a kill costs.

    python -m benchmarks.optimisation_machinery planted [--seeds 10] [--shuffled]
    python -m benchmarks.optimisation_machinery cost [--iterations 1000]
    python -m benchmarks.optimisation_machinery kills [--kills 20]

planted: a model whose chance to solve a task depends in a known way on the rules in its prompt
(benchmarks/planted.py). It begins with two harmful rules. Printed are the rules that the promoted prompt has, and what
each accepted change cost.
--shuffled: the same with a model that does not care about its prompt; nothing may be promoted.
cost: milliseconds per iteration with a model that takes no time, and how they grow.
kills: SIGKILL at random moments; the pool must end the same, and nothing finished may be executed again.
"""

import argparse
import json
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

from langgraph.graph import END, START, StateGraph

from batch.optimisation_summary import OptimisationSummary, summarise_optimisation
from batch.optimise import OptimisationRun, plan_optimisation
from benchmarks.planted import EFFECTS, GOOD, HARMFUL, PlantedRunner, planted_tasks
from checkpoints.savers import close_saver, open_saver
from checkpoints.threads import drive, thread_config
from proposers.protocol import Request
from runtime.build import Services, open_services
from runtime.context import BatchResult
from runtime.settings import load_settings
from state.episode import EpisodeSpec
from state.json_values import JsonObject
from state.optimization import OptimizationState, Tally, Trial
from storage.engine import open_home
from tasks.load import load_tasks
from telemetry.events import Event, Sink, ignore

PLANTED: JsonObject = {
    "proposers": ["benchmarks.planted:propose_rule", "drop_lines"], "gate_cap": 240, "iterations": 200, "patience": 12,
}  # fmt: skip
ROLLOUT_S = 0.005  # of a rollout of `kills`
PROOF = 20  # rollouts that are waited for after a kill
COST: JsonObject = {"proposers": ["benchmarks.optimisation_machinery:propose_anything"], "patience": 1_000_000}


def propose_anything(request: Request) -> dict[str, str]:
    """Add a line that changes nothing, a new one every time."""
    return {"skills": f"{request.components['skills']}\n- line {request.index}".strip()}


@contextmanager
def opened(
    folder: Path, optimiser: JsonObject, seed: int, *, shuffled: bool = False, events: Sink = ignore
) -> Iterator[tuple[OptimisationRun, PlantedRunner, Services]]:
    """Open an optimisation of 240 train, 100 validation and 100 test tasks in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tasks = load_tasks(planted_tasks(folder / "tasks.jsonl", 240, 100, 100)).tasks
    prompts = folder / "prompts"
    prompts.mkdir(exist_ok=True)
    (prompts / "skills.md").write_text("\n".join(HARMFUL), encoding="utf-8")
    settings = load_settings(home=folder / "home", seed=seed, prompts=str(prompts), optimiser=optimiser)
    services = open_services(settings)
    run = OptimisationRun(plan_optimisation(services, tasks, "planted"), services, events)
    runner = PlantedRunner(services.home, services.prompts, seed, shuffled=shuffled, log=folder / "executed.txt")
    run.context = replace(run.context, run_episodes=runner)
    try:
        yield run, runner, services
    finally:
        run.close()
        services.close()


def planted(seeds: int, *, shuffled: bool) -> bool:
    """Print what is found seed by seed; return whether it is what should be."""
    right = 0
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder, opened(Path(folder), PLANTED, seed, shuffled=shuffled) as one:
            run, runner, services = one
            promoted = run.drive()["ending"]["promoted"]
            summary = summarise_optimisation(services.ledger, services.optimisations, services.prompts, run.plan.run_id)
            rules = services.prompts.get(promoted)["components"]["skills"].splitlines()
            changed = promoted != run.plan.ref["prompt_set"]
        found, harmful = sum(rule in rules for rule in GOOD), sum(rule in rules for rule in HARMFUL)
        neutral = sum(EFFECTS.get(rule) == 0 for rule in rules)
        right += not changed if shuffled else found == len(GOOD) and harmful == 0
        print(
            f"seed {seed}: {'promoted' if changed else 'nothing promoted'}; {found} of {len(GOOD)} good rules, "
            f"{harmful} harmful, {neutral} neutral; {len(summary.iterations)} iterations, "
            f"{len(runner.executed)} rollouts",
            flush=True,
        )
        if not shuffled:
            _print_costs(summary)
    wanted = "nothing promoted" if shuffled else "every good rule found and every harmful one dropped"
    print(f"{wanted} in {right} of {seeds} seeds")
    return right >= (0.95 if shuffled else 0.9) * seeds


def _print_costs(summary: OptimisationSummary) -> None:
    """Print the rollouts by which each change on the way to the promoted candidate was found."""
    best, on_the_way = summary.best, []
    while best.parents:
        on_the_way.append(best)
        best = summary.candidates[best.parents[0]]
    for candidate in reversed(on_the_way):
        pairs = next(i.pairs for i in summary.iterations if i.iteration == candidate.iteration)
        lines = [line for changed in candidate.diff.values() for line in changed[3:] if line[0] in "+-"]
        print(f"    iteration {candidate.iteration}, {pairs} pairs: {'; '.join(lines)[:100]}")


def cost(iterations: int, *, cpu: bool) -> bool:
    """Print the milliseconds of an iteration, at the beginning and after many; return whether they are small enough.

    cpu: CPU time of this process instead of elapsed time: what a loaded machine can still tell.
    """
    clock = time.process_time if cpu else time.perf_counter
    marks: list[tuple[float, float]] = []
    spent = [0.0]

    def mark(event: Event) -> None:
        if event["kind"] == "optimised":
            marks.append((clock(), spent[0]))

    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Path(folder), {**COST, "iterations": iterations}, 0, events=mark) as (run, runner, _),
    ):

        def timed(specs: Any, phase: str) -> Any:
            started = clock()
            try:
                return runner(specs, phase)
            finally:
                spent[0] += clock() - started

        run.context = replace(run.context, run_episodes=timed)
        run.drive()
        size = sum(file.stat().st_size for file in (Path(folder) / "home").glob("checkpoints.db*"))
    both = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(marks)]
    own = [1000 * (whole - rollouts) for whole, rollouts in both]
    tenth = max(1, len(own) // 10)
    first, last = median(own[:tenth]), median(own[-tenth:])
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)
    result = {
        "measured": "CPU time" if cpu else "elapsed time",
        "iterations": len(marks),
        "ms of six LangGraph nodes that do nothing": round(_bare(min(iterations, 200), clock), 2),
        "ms per iteration, rollouts apart, mean": round(fmean(own), 2),
        "median of the first tenth": round(first, 2),
        "median of the last tenth": round(last, 2),
        "growth": round(last / first, 2),
        "ms of drawing and writing rollouts per iteration": round(1000 * fmean(rollouts for _, rollouts in both), 2),
        "rollouts": len(runner.executed),
        "peak RSS, MB": round(rss),
        "checkpoints, MB": round(size / 1e6, 1),
    }
    print(json.dumps(result, indent=1))
    return fmean(own) <= 8 and last / first <= 1.2 and rss < 150


def _bare(iterations: int, clock: Callable[[], float]) -> float:
    """Return the milliseconds of an iteration of six nodes that hand on a state of that size, with the same saver."""
    blank: Trial = {
        "proposer": "x", "parent": 0, "component": "skills", "evidence": "0" * 64, "child": "0" * 64,
        "parents": [0], "want": 8, "decision": "",
    }  # fmt: skip

    def nothing(state: OptimizationState) -> OptimizationState:
        return {"trial": blank}

    def count(state: OptimizationState) -> OptimizationState:
        return {"tally": {**state["tally"], "iteration": state["tally"]["iteration"] + 1}}

    graph = StateGraph(OptimizationState)
    graph.add_node("node0", count)
    for number in range(1, 6):
        graph.add_node(f"node{number}", nothing)
        graph.add_edge(f"node{number - 1}", f"node{number}")
    graph.add_edge(START, "node0")
    graph.add_conditional_edges("node5", lambda state: "node0" if state["tally"]["iteration"] < iterations else END)
    tally: Tally = {"iteration": 0, "at": 0, "stalled": 0, "idle": 0, "failures": 0, "merges": []}
    with tempfile.TemporaryDirectory() as folder:
        home = open_home(Path(folder))
        saver = open_saver(home)
        compiled = graph.compile(checkpointer=saver)
        started = clock()
        drive(compiled, thread_config("bare", "", 10 * iterations), {"tally": tally}, None)
        spent = clock() - started
        close_saver(saver)
        home.close()
    return 1000 * spent / iterations


def kills(count: int) -> bool:
    """Kill optimisations at random moments while they work; compare each end with that of an undisturbed one.

    The marker is outside the ledger: a line in a file for every rollout that is executed. Those that the ledger had
    when the process died must not come again; one that was under way may.
    """
    folder = Path(tempfile.mkdtemp(prefix="optimiser-kills-"))
    whole = _pool(folder / "whole")
    undisturbed = set(_executed(folder / "whole"))
    draw, killed, rounds, again, under_way, same = random.Random(0), 0, 0, 0, 0, True
    while killed < count:
        rounds += 1
        place = folder / f"round-{rounds}"
        while killed < count and _killed_at_work(place, draw):
            killed += 1
            finished, before = _in_ledger(place), len(_executed(place))
            again += _again_after(place, finished, before)
        same = _pool(place) == whole and same
        executed = Counter(_executed(place))
        under_way += sum(executed.values()) - len(executed)
        same = same and set(executed) == undisturbed
    result = {
        "kills": killed,
        "optimisations": rounds,
        "candidates": len(whole["pool"]),
        "rollouts of each": len(undisturbed),
        "same pool, counters and rollouts": same,
        "finished rollouts executed again": again,
        "rollouts under way at a kill, executed again": under_way - again,
    }
    print(json.dumps(result, indent=1))
    shutil.rmtree(folder)
    return same and again == 0


def _again_after(place: Path, finished: set[str], before: int) -> int:
    """Continue for a moment, so that something is executed; return how much of that had been finished."""
    process = _child(place)
    while process.poll() is None and len(_executed(place)) < before + PROOF:
        time.sleep(0.01)
    process.kill()
    process.wait()
    return len(finished & set(_executed(place)[before:]))


def _killed_at_work(place: Path, draw: random.Random) -> bool:
    """Start or continue, wait until it executes something, kill it a moment later; False when it ended before."""
    before = len(_executed(place))
    process = _child(place)
    while process.poll() is None and len(_executed(place)) == before:
        time.sleep(0.002)
    try:
        process.wait(draw.uniform(0.0, 1.0))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def _executed(place: Path) -> list[str]:
    log = place / "executed.txt"
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def _in_ledger(place: Path) -> set[str]:
    connection = sqlite3.connect(place / "home" / "ratchet.db")
    try:
        return {one for (one,) in connection.execute("SELECT episode_id FROM episodes")}
    finally:
        connection.close()


def _child(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "benchmarks.optimisation_machinery", "once", str(folder)])


def _pool(folder: Path) -> JsonObject:
    """Run to the end in this process, one rollout after the other, and return what it ended with, but for times."""
    with opened(folder, {**PLANTED, "iterations": 25}, 3) as (run, runner, _services):

        def slowly(specs: Sequence[EpisodeSpec], phase: str) -> BatchResult:
            done: BatchResult = {"finished": [], "unscored": []}
            for spec in specs:
                time.sleep(ROLLOUT_S)
                done["finished"] += runner([spec], phase)["finished"]
            return done

        run.context = replace(run.context, run_episodes=slowly)
        state = run.drive()
        return {"pool": state["pool"], "ending": state["ending"], "tally": state["tally"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["planted", "cost", "kills", "once"])
    parser.add_argument("folder", nargs="?", type=Path, help="of `once`")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--cpu", action="store_true", help="measure CPU time: for a machine that is busy")
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    if options.what == "planted":
        fine = planted(options.seeds, shuffled=options.shuffled)
    elif options.what == "cost":
        fine = cost(options.iterations, cpu=options.cpu)
    elif options.what == "kills":
        fine = kills(options.kills)
    else:
        fine = bool(_pool(options.folder))
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
