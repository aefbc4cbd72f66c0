"""The content store: large texts once, by content, so that states and rows hold an address only."""

import hashlib
import json
import threading
import zlib
from collections import OrderedDict
from typing import Any

from sqlalchemy import select

from state.errors import RatchetError
from storage.engine import Home, insert_new
from storage.tables import contents

KEPT_ADDRESSES = 4096  # addresses known to be stored: the same text again costs no query


def digest_of(text: str) -> str:
    """Return the content address of a text: 32 hexadecimal digits of SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def canonical(value: Any) -> str:
    """Return one JSON text per value: sorted keys, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class ContentStore:
    """Texts by content address. Storing the same text twice stores it once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, *texts: str) -> list[str]:
        """Store texts in one transaction; return their addresses, in order."""
        addresses = [digest_of(text) for text in texts]
        with self._lock:
            new = {a: t for a, t in zip(addresses, texts, strict=True) if a not in self._known}
        if new:
            rows = [{"digest": a, "body": zlib.compress(t.encode("utf-8", "surrogatepass"), 6)} for a, t in new.items()]
            with self._home.writing() as connection:
                insert_new(connection, contents, rows)
            self._remember(list(new))
        return addresses

    def get(self, address: str) -> str:
        """Return the text at an address; raises RatchetError when there is none."""
        with self._home.reading() as connection:
            body = connection.execute(select(contents.c.body).where(contents.c.digest == address)).scalar_one_or_none()
        if body is None:
            raise RatchetError(f"no content at {address} in {self._home.folder}")
        return zlib.decompress(body).decode("utf-8", "surrogatepass")

    def _remember(self, addresses: list[str]) -> None:
        with self._lock:
            for address in addresses:
                self._known[address] = None
            while len(self._known) > KEPT_ADDRESSES:
                self._known.popitem(last=False)
