"""Where a home's mirror of vectors is: a folder beside it, or collections on a Chroma server that machines share."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TypedDict
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import Connection, delete, select

from storage.engine import Home
from storage.tables import home_meta

FOLDER = "chroma"
REACH_S = 5.0
_KEPT_AS = "mirrors"  # the row of home_meta


class FolderPlace:
    """A folder of the home, for the processes of one machine; it may be deleted at any time."""

    is_shared = False

    def __init__(self, home: Home) -> None:
        self.folder = home.folder / FOLDER
        self.target = str(self.folder)

    def collection(self, digest: str) -> str:
        """Return the name of the collection for a digest of what is in it."""
        return digest

    def inode(self) -> int | None:
        """Return what tells the folder from another one of its name; None where there is none."""
        with suppress(FileNotFoundError):
            return self.folder.stat().st_ino
        return None

    def reach(self) -> None:
        """Do nothing: a folder is there, or is made."""

    def remove(self) -> None:
        """Delete the files; whoever has them open finds out at the next command, and builds them anew.

        The folder is renamed first, so that a process which is writing cannot put a file into what is being deleted.
        """
        doomed = self.folder.with_name(f"{FOLDER}.removed")
        shutil.rmtree(doomed, ignore_errors=True)  # of a removal that was killed
        with suppress(FileNotFoundError):
            self.folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def __str__(self) -> str:
        """Name the place."""
        return self.target


class ServerPlace:
    """Collections on a Chroma server, whose names begin with a prefix that is the home's own.

    What is thrown away is doomed first, in the home: everybody feeds collections of another prefix from then on, and
    the old ones are deleted when the server answers.
    """

    is_shared = True

    def __init__(self, home: Home, url: str) -> None:
        self._home = home
        self.target = url

    def collection(self, digest: str) -> str:
        """Return the name of the collection for a digest of what is in it."""
        with self._home.reading() as connection:
            prefix = _mirrors(connection)["prefixes"].get(self.target)
        if prefix is None:
            with _changing(self._home) as mirrors:
                prefix = mirrors["prefixes"].setdefault(self.target, f"ratchet-{uuid4().hex[:12]}-")
        return prefix + digest

    def inode(self) -> None:
        """Return nothing: who asks for a collection that is gone is told so by the server."""

    def reach(self) -> None:
        """Raise OSError when no Chroma answers: sooner than its client does, which takes seconds to start."""
        reach(self.target)

    def remove(self) -> None:
        """Doom the collections."""
        doom_collections(self._home)

    def doomed(self) -> list[str]:
        """Return the prefixes of what is to be deleted on this server."""
        with self._home.reading() as connection:
            return [prefix for url, prefix in _mirrors(connection)["doomed"] if url == self.target]

    def deleted(self, prefix: str) -> None:
        """Note that the collections of a doomed prefix are gone."""
        with _changing(self._home) as mirrors:
            mirrors["doomed"] = [entry for entry in mirrors["doomed"] if entry != [self.target, prefix]]

    def __str__(self) -> str:
        """Name the place."""
        return f"the Chroma server {self.target}"


def reach(url: str) -> None:
    """Raise OSError when no Chroma server answers at a URL."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=REACH_S)
    try:
        connection.request("GET", "/api/v2/heartbeat")
        status = connection.getresponse().status
    except HTTPException as error:
        raise ConnectionError(f"no answer in HTTP: {error}") from error
    finally:
        connection.close()
    if status != HTTPStatus.OK:
        raise ConnectionError(f"status {status}")


class _Mirrors(TypedDict):
    """The servers that mirror a home."""

    prefixes: dict[str, str]
    """By URL, what the names of the home's collections begin with."""
    doomed: list[list[str]]
    """URL and prefix of collections that are to be deleted."""


def doom_collections(home: Home) -> None:
    """Have the home's collections on every server deleted, and built anew under another prefix."""
    with home.reading() as connection:
        if not _mirrors(connection)["prefixes"]:
            return
    with _changing(home) as mirrors:
        mirrors["doomed"] += [[url, prefix] for url, prefix in sorted(mirrors["prefixes"].items())]
        mirrors["prefixes"] = {}


def servers_to_clean(home: Home) -> list[str]:
    """Return the URLs of the servers that hold doomed collections."""
    with home.reading() as connection:
        return sorted({url for url, _ in _mirrors(connection)["doomed"]})


@contextmanager
def _changing(home: Home) -> Iterator[_Mirrors]:
    with home.writing(alone=_KEPT_AS) as connection:
        mirrors = _mirrors(connection)
        yield mirrors
        connection.execute(delete(home_meta).where(home_meta.c.key == _KEPT_AS))
        connection.execute(home_meta.insert().values(key=_KEPT_AS, value=json.dumps(mirrors)))


def _mirrors(connection: Connection) -> _Mirrors:
    value = connection.execute(select(home_meta.c.value).where(home_meta.c.key == _KEPT_AS)).scalar()
    found: _Mirrors = json.loads(value) if value else {"prefixes": {}, "doomed": []}
    return found
