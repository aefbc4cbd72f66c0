"""`ratchet doctor`: what works on this machine, checked by doing it."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias

from checkpoints.savers import close_saver, open_saver
from cli.tables import stdout_console
from memory.mirror_place import reach
from models.names import PROVIDERS
from runtime.homes import home_of
from runtime.settings import Settings, load_settings
from sandbox.doctor import examine
from sandbox.local import LocalSandbox
from sandbox.protocol import Job, Limits
from state.errors import RatchetError
from storage.engine import make_folder, server_version
from storage.migrations import SCHEMA_VERSION

Level: TypeAlias = Literal["ok", "note", "problem"]
LOW_DISK_BYTES = 500 * 1024 * 1024
COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: Level
    detail: str


def examine_machine(home: Path | None, *, as_json: bool) -> int:
    """Print every check; return 0 when nothing is a problem, 2 otherwise."""
    checks = list(_checks(load_settings(home=home)))
    widest = max(len(check.name) for check in checks)
    console = stdout_console()
    for check in checks:
        if as_json:
            print(json.dumps(asdict(check)))
        else:
            console.print(f"{check.level:<7}", style=COLOURS[check.level], end=f" {check.name:<{widest}}  ")
            console.print(check.detail, soft_wrap=True)
    return 2 if any(check.level == "problem" for check in checks) else 0


def _checks(settings: Settings) -> Iterator[Check]:
    mirror = [_vectors] if settings.chroma_url else []
    for check in (_python, _home, _database, *mirror, _disk, _sandbox):
        yield _guarded(check.__name__[1:], check, settings)
    for layer, active, detail in examine():
        yield Check(f"  {layer}", "ok" if active else "note", detail)
    for provider, (variable, _) in PROVIDERS.items():
        found = bool(os.environ.get(variable))
        yield Check(provider, "ok" if found else "note", f"{variable} is {'set' if found else 'not set'}")
    yield Check("offline", "ok", "the built-in model needs no key")


def _guarded(name: str, check: Callable[[Settings], tuple[Level, str]], settings: Settings) -> Check:
    try:
        level, detail = check(settings)
    except (RatchetError, OSError) as error:
        level, detail = "problem", str(error)
    return Check(name, level, detail)


def _python(_settings: Settings) -> tuple[Level, str]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("ratchet", "langgraph", "langchain-core"))
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}; {packages}"
    return ("ok", detail) if supported else ("problem", f"{detail}. Ratchet needs Python 3.11 to 3.13")


def _home(settings: Settings) -> tuple[Level, str]:
    make_folder(settings.home)
    return "ok", f"{settings.home.resolve()} can be written"


def _database(settings: Settings) -> tuple[Level, str]:
    home = home_of(settings)
    try:
        close_saver(open_saver(home))
        where = f"{home.name}: " if home.url else ""
        encrypted = "encrypted" if home.seal else "not encrypted"
        return "ok", f"{where}{server_version(home)}, schema {SCHEMA_VERSION}, {encrypted}"
    finally:
        home.close()


def _vectors(settings: Settings) -> tuple[Level, str]:
    try:
        reach(settings.chroma_url)
    except OSError as error:
        return "note", f"no Chroma answers at {settings.chroma_url} ({error}): searches of large memories do without"
    if not settings.embedder:
        return "note", f"Chroma answers at {settings.chroma_url}, and has no use: the setting embedder is empty"
    return "ok", f"Chroma answers at {settings.chroma_url}"


def _disk(settings: Settings) -> tuple[Level, str]:
    free = shutil.disk_usage(settings.home).free
    detail = f"{free / 2**30:.1f} GiB free"
    return ("ok", detail) if free > LOW_DISK_BYTES else ("problem", f"{detail}: free some space before a run")


def _sandbox(_settings: Settings) -> tuple[Level, str]:
    job = Job(
        program="def double(x):\n    return 2 * x\n",
        entry_point="double",
        tests=[{"kind": "call", "args": "(21,)", "expected": "42", "visible": True}],
    )
    sandbox = LocalSandbox(workers=1)
    try:
        report = sandbox.run(job, Limits())
    finally:
        sandbox.close()
    if any(verdict["status"] != "passed" for verdict in report["verdicts"]):
        return "problem", f"a right program got {report['verdicts']}"
    took = f"{report['wall_s'] * 1000:.0f} ms"
    if report["isolation"] == "full":
        return "ok", f"isolation level full; a trial program took {took}"
    return "note", f"isolation level {report['isolation']}: weaker than full, see docs/sandbox.md; a trial took {took}"
