"""A worker: one process per slot of the pool that takes jobs, judges them and reports.

It judges trusted tests itself, so that test code is compiled once per task; untrusted tests get a judge of
their own, forked from a second zygote and locked in like the program.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from sandbox.channel import Channel, ChannelError
from sandbox.child import JUDGE, PROGRAM, SCRIPT, limit_resources
from sandbox.comparison import same_output, short
from sandbox.findings import checked_findings
from sandbox.judge import Findings, JudgeTask, judge
from sandbox.launch import LevelRefusedError, ZygoteHandle
from sandbox.lockdown import Layer
from sandbox.namespaces import NOBODY
from sandbox.protocol import Job, Limits
from sandbox.recorder import blank, settle
from sandbox.session import Ending, Session, apply_ending, limit_behind, program_error, tail
from sandbox.watch import LimitName, LimitReached, Used, Watch

if TYPE_CHECKING:
    from state.task import StdioTest
    from state.verdict import ExecutionReport, Isolation, Verdict

_JUDGE_BYTES = 4 << 30
"""Memory of a worker: `[0] * candidate(3)` in a test must not take the machine down."""


class Worker:
    """A slot: its zygotes, and the jobs it runs one after the other."""

    def __init__(self, scratch: str, levels: Sequence[Isolation]) -> None:
        """Start the zygote that programs are forked from, at the first of the levels that the machine allows.

        Raises LevelRefusedError when it allows none of them.
        """
        self._scratch = scratch
        self._zygotes: dict[str, ZygoteHandle] = {}
        self._started = 0
        self.refusals: dict[str, str] = {}
        for level in levels:
            try:
                self.level: Isolation = level
                self._zygote("program", Limits().file_mb)
            except LevelRefusedError as error:
                self.refusals[level] = str(error)
            else:
                return
        raise LevelRefusedError("; ".join(f"{level}: {why}" for level, why in self.refusals.items()))

    @property
    def layers(self) -> list[Layer]:
        """The layers that are active."""
        return self._zygote("program", Limits().file_mb).layers

    def run(self, job: Job, limits: Limits) -> ExecutionReport | str:
        """Run one job; a text says why the author's own code does not run.

        A zygote that has ended is replaced and the job run again. Raises ChannelError when that does not help.
        """
        try:
            return self._run(job, limits)
        except ChannelError:
            self.close()
            return self._run(job, limits)

    def _run(self, job: Job, limits: Limits) -> ExecutionReport | str:
        started = time.monotonic()
        used = Used()
        rows: dict[int, list[Verdict]] = {}
        endings: list[Ending] = []
        functions = [index for index, test in enumerate(job.tests) if test["kind"] != "stdio"]
        coverage: list[int] | None = None
        if functions:
            findings, ending = self._run_functions(job, limits, functions, used)
            if findings["broken_setup"]:
                return findings["broken_setup"]
            rows.update(zip(functions, findings["verdicts"], strict=True))
            coverage = findings["coverage"]
            endings.append(ending)
        for index, test in enumerate(job.tests):
            if test["kind"] == "stdio":
                verdict, last = self._run_script(job.program, test, index, limits, used)
                rows[index] = [verdict]
                endings.extend(last)
        verdicts = [verdict for index in sorted(rows) for verdict in rows[index]]
        return _report(verdicts, endings, used, time.monotonic() - started, self.level, coverage)

    def close(self) -> None:
        """End the zygotes."""
        while self._zygotes:
            self._zygotes.popitem()[1].close()

    def _zygote(self, role: str, scratch_mb: int) -> ZygoteHandle:
        """Return the zygote of a role, started anew when its private file system has another size."""
        running = self._zygotes.get(role)
        if running is not None and running.scratch_mb == scratch_mb:
            return running
        if running is not None:
            self._zygotes.pop(role).close()
        self._started += 1
        started = ZygoteHandle(role, self.level, self._folder(f"{role}-{self._started}"), scratch_mb)
        self._zygotes[role] = started
        return started

    def _folder(self, name: str) -> str:
        folder = os.path.join(self._scratch, name)
        os.mkdir(folder, 0o700)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        return folder

    def _run_functions(self, job: Job, limits: Limits, which: Sequence[int], used: Used) -> tuple[Findings, Ending]:
        task: JudgeTask = {
            "program": job.program,
            "entry_point": job.entry_point,
            "setup": job.setup,
            "tests": [job.tests[index] for index in which],
            "numbers": [index + 1 for index in which],
            "coverage": job.coverage,
        }
        session = Session(self._zygote("program", limits.file_mb), PROGRAM, limits, used=used)
        findings = (self._judge_here if job.trusted_tests else self._judge_apart)(task, session, limits)
        cut = [verdict for group in findings["verdicts"] for verdict in group if verdict["status"] == "killed"]
        ending = session.finish(hung_up=bool(cut))
        for verdict in cut:
            apply_ending(verdict, ending, limits, job.program.splitlines())
        _add(used, ending)
        return findings, ending

    def _judge_here(self, task: JudgeTask, session: Session, limits: Limits) -> Findings:
        session.start()
        with _backstop(session.watch, limits.wall_s + 1):
            return judge(task, session.channel)

    def _judge_apart(self, task: JudgeTask, session: Session, limits: Limits) -> Findings:
        """Have the tests run by a judge that is locked in like the program."""
        judges = self._zygote("judge", limits.file_mb)
        session.start()
        judging = Session(judges, JUDGE, limits, used=Used())
        judging.watch.also(session.watch, session.kill)
        findings: object = None
        try:
            judging.start(session.child.socket.fileno())
            judging.channel.send(task)
            findings = judging.channel.receive()
        except ChannelError:
            pass
        ending = judging.finish(hung_up=findings is None)
        return checked_findings(findings, task, ending.limit)

    def _run_script(
        self, program: str, test: StdioTest, index: int, limits: Limits, used: Used
    ) -> tuple[Verdict, list[Ending]]:
        verdict = blank(f"test {index + 1}", test["visible"])
        if used.cpu_s >= limits.cpu_s or used.wall_s >= limits.wall_s:
            return verdict, []
        started = time.monotonic()
        session = Session(
            self._zygote("program", limits.file_mb),
            SCRIPT,
            limits,
            stdin=test["stdin"].encode(errors="replace"),
            used=used,
        )
        try:
            session.start()
            session.channel.send(program)
        except ChannelError:
            pass  # it has ended already: how, the ending tells
        session.wait_for_end()
        ending = session.finish(hung_up=True)
        _add(used, ending, time.monotonic() - started)
        _judge_script(verdict, test, ending, limits, program.splitlines())
        return verdict, [ending]


def _judge_script(verdict: Verdict, test: StdioTest, ending: Ending, limits: Limits, source: Sequence[str]) -> None:
    got = ending.stdout.decode(errors="replace")
    if ending.limit or ending.usage.exit_status < 0 or not ending.usage.ended_itself:
        apply_ending(verdict, ending, limits, source)
    elif ending.usage.exit_status != 0:
        program_error(verdict, ending, source)
    else:
        passed = same_output(got, test["stdout"])
        settle(verdict, "passed" if passed else "failed")
    if verdict["status"] != "passed":
        verdict["got"], verdict["expected"] = short(got), short(test["stdout"])


def _add(used: Used, ending: Ending, wall_s: float = 0.0) -> None:
    used.cpu_s += ending.usage.cpu_s
    used.wall_s += wall_s
    used.peak_memory_bytes = max(used.peak_memory_bytes, ending.usage.peak_memory_bytes)


def _report(
    verdicts: list[Verdict],
    endings: Sequence[Ending],
    used: Used,
    wall_s: float,
    isolation: Isolation,
    coverage: list[int] | None,
) -> ExecutionReport:
    limit: LimitName = next((ending.limit for ending in endings if ending.limit), "") or limit_behind(verdicts)
    return {
        "verdicts": verdicts,
        "stdout": tail(b"".join(ending.stdout for ending in endings)),
        "stderr": tail(b"".join(ending.stderr for ending in endings)),
        "output_bytes": sum(ending.output_bytes for ending in endings),
        "cpu_s": used.cpu_s,
        "wall_s": wall_s,
        "peak_memory_bytes": used.peak_memory_bytes,
        "limit": limit,
        "isolation": isolation,
        "coverage": coverage,
    }


@contextmanager
def _backstop(watch: Watch, seconds: float) -> Iterator[None]:
    """Break off a judge that runs for ever by itself: a test may loop on what the program answered."""

    def ring(number: int, frame: object) -> None:
        watch.reached = "wall"
        raise LimitReached("wall")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class Arguments(TypedDict):
    """What a worker is started with."""

    control: int  # descriptor of the application's socket
    scratch: str
    levels: list[Isolation]  # to try, the best first
    core: int  # to stay on, with all that it starts; -1 for any


class Greeting(TypedDict):
    """What a worker says when it is ready, or has to give up."""

    error: str
    level: Isolation
    layers: list[Layer]
    refusals: dict[str, str]  # levels that were tried in vain, and why


def main(arguments: Arguments) -> None:
    """Serve jobs over the descriptor given until the application hangs up."""
    channel = Channel(socket.socket(fileno=arguments["control"]))
    limit_resources({"RLIMIT_AS": _JUDGE_BYTES})
    if arguments["core"] >= 0:
        # judge, zygote and program take turns: on one core a turn costs no message between cores (a third faster)
        os.sched_setaffinity(0, {arguments["core"]})
    try:
        worker = Worker(arguments["scratch"], arguments["levels"])
    except LevelRefusedError as error:
        channel.send({"error": str(error)})
        return
    greeting: Greeting = {"error": "", "level": worker.level, "layers": worker.layers, "refusals": worker.refusals}
    try:
        channel.send(greeting)
        while True:
            message = channel.receive()
            channel.send(worker.run(Job(**message["job"]), Limits(**message["limits"])))
    except ChannelError:
        worker.close()
        shutil.rmtree(arguments["scratch"], ignore_errors=True)
