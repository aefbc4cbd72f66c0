"""The content store: large texts once, by content, so that states and rows hold an address only."""

import hashlib
import json
import threading
import zlib
from collections import OrderedDict
from functools import lru_cache

from sqlalchemy import Dialect, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from state.errors import RatchetError
from state.json_values import JsonValue
from storage.engine import Home, in_order, insert_new
from storage.prepared import driver_text
from storage.sealing import closed_rows
from storage.tables import contents

FORGOTTEN = "[forgotten]"  # what stands for a text that was taken out of another one
KEPT_CHARACTERS = 8_000_000  # of texts at hand: what an episode stored, its later stages read without a query


def digest_of(text: str) -> str:
    """Return the content address of a text: 32 hexadecimal digits of SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def canonical(value: JsonValue) -> str:
    """Return one JSON text per value: sorted keys, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class ContentStore:
    """Texts by content address. Storing the same text twice stores it once; recent texts are kept at hand.

    A text that was redacted (storage/redaction.py) and is stored again is whole again.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def put(self, *texts: str) -> list[str]:
        """Store texts in one transaction; return their addresses, in order."""
        addresses = [digest_of(text) for text in texts]
        with self._lock:
            new = {a: t for a, t in zip(addresses, texts, strict=True) if a not in self._recent}
        if new:
            rows = [{"digest": a, "body": zlib.compress(t.encode("utf-8", "surrogatepass"), 6)} for a, t in new.items()]
            with self._home.writing() as connection:
                closed = closed_rows(connection.dialect, contents, in_order(contents, rows))
                connection.exec_driver_sql(_put(connection.dialect), closed)
            self._keep(new)
        return addresses

    def put_redacted(self, address: str, text: str) -> None:
        """Store what is left of a text at the address that it had when it was whole; one that is there stays."""
        row = {"digest": address, "body": zlib.compress(text.encode("utf-8", "surrogatepass"), 6)}
        with self._home.writing() as connection:
            insert_new(connection, contents, [row])

    def get(self, address: str) -> str:
        """Return the text at an address; raises RatchetError when there is none, or one of another address.

        What was exchanged is found in encrypted homes alone: whoever can write to a plain one can write anything.
        """
        with self._lock:
            if address in self._recent:
                self._recent.move_to_end(address)
                return self._recent[address]
        with self._home.reading() as connection:
            body = connection.execute(select(contents.c.body).where(contents.c.digest == address)).scalar_one_or_none()
        if body is None:
            raise RatchetError(f"no content at {address} in {self._home.name}")
        text = zlib.decompress(body).decode("utf-8", "surrogatepass")
        if self._home.seal is not None and digest_of(text) != address and FORGOTTEN not in text:
            raise RatchetError(f"the text at {address} in {self._home.name} is another one: somebody exchanged it")
        self._keep({address: text})
        return text

    def _keep(self, texts: dict[str, str]) -> None:
        with self._lock:
            for address, text in texts.items():
                if address not in self._recent:
                    self._recent[address] = text
                    self._characters += len(text)
            while self._characters > KEPT_CHARACTERS and len(self._recent) > 1:
                _, dropped = self._recent.popitem(last=False)
                self._characters -= len(dropped)


@lru_cache(maxsize=2)
def _put(dialect: Dialect) -> str:
    kind = sqlite if dialect.name == "sqlite" else postgresql
    insert = kind.insert(contents).values(digest=bindparam("digest"), body=bindparam("body"))
    changed = contents.c.body != insert.excluded.body
    upsert = insert.on_conflict_do_update(index_elements=["digest"], set_={"body": insert.excluded.body}, where=changed)
    return driver_text(upsert, dialect)
