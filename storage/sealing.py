"""Columns that are encrypted where the home is: sealed ones cannot be compared, blinded ones can, for equality.

A column's type finds the home's seal by the engine's dialect, which every statement carries; without one it does
nothing.
"""

import base64
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, Dialect, LargeBinary, String, Table, Text, TypeDecorator
from sqlalchemy.sql.operators import OperatorType, eq, ne

from state.errors import SetupError
from storage.rows import Cell, RowValues

NONCE_BYTES = 12
CIPHER = "ratchet-aesgcm"  # what encrypted checkpoints say in their type
_DIGEST = re.compile(r"[0-9a-f]{32}")
_KEPT_NAMES = 50_000  # of blinded names at hand


class Seal:
    """What encrypts one home.

    Values: AES-256-GCM with a random nonce. Names, and contents: AES-SIV (RFC 5297), which gives the same for the same,
    so that the database can find and compare them. What is sealed for one place cannot be opened at another.
    """

    def __init__(self, home_key: bytes) -> None:
        self._values = AESGCM(_derived(home_key, b"values", 32))
        self._checkpoints = AESGCM(_derived(home_key, b"checkpoints", 32))
        self._contents = AESSIV(_derived(home_key, b"contents", 64))
        self._names = AESSIV(_derived(home_key, b"names", 64))
        self.blind = lru_cache(_KEPT_NAMES)(self._blind)
        self.unblind = lru_cache(_KEPT_NAMES)(self._unblind)

    def close_text(self, place: str, text: str) -> str:
        """Encrypt a text for a place; the empty text stays empty."""
        if not text:
            return text
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._values.encrypt(nonce, text.encode("utf-8", "surrogatepass"), place.encode())
        return base64.b64encode(nonce + sealed).decode("ascii")

    def open_text(self, place: str, stored: str) -> str:
        """Decrypt a text; raises SetupError for one that was changed, moved or never encrypted."""
        if not stored:
            return stored
        try:
            sealed = base64.b64decode(stored, validate=True)
            plain = self._values.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise _refused(place) from error
        return plain.decode("utf-8", "surrogatepass")

    def close_bytes(self, place: str, plain: bytes) -> bytes:
        """Encrypt bytes for a place, the same bytes to the same."""
        return self._contents.encrypt(plain, [place.encode()])

    def open_bytes(self, place: str, stored: bytes) -> bytes:
        """Decrypt bytes; raises SetupError for what was changed, moved or never encrypted."""
        try:
            return self._contents.decrypt(bytes(stored), [place.encode()])
        except (InvalidTag, ValueError) as error:
            raise _refused(place) from error

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """Encrypt a value of a checkpoint, as LangGraph asks for it."""
        nonce = os.urandom(NONCE_BYTES)
        return CIPHER, nonce + self._checkpoints.encrypt(nonce, plaintext, CIPHER.encode())

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        """Decrypt a value of a checkpoint; raises SetupError for one that was changed or never encrypted."""
        if ciphername != CIPHER:
            raise _refused("the checkpoints")
        try:
            return self._checkpoints.decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], CIPHER.encode())
        except (InvalidTag, ValueError) as error:
            raise _refused("the checkpoints") from error

    def _blind(self, domain: str, name: str) -> str:
        is_digest = _DIGEST.fullmatch(name)
        plain = b"\1" + bytes.fromhex(name) if is_digest else b"\0" + name.encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(self._names.encrypt(plain, [domain.encode()])).decode("ascii")

    def _unblind(self, domain: str, stored: str) -> str:
        try:
            plain = self._names.decrypt(base64.urlsafe_b64decode(stored), [domain.encode()])
        except (InvalidTag, ValueError) as error:
            raise _refused(domain) from error
        return plain[1:].hex() if plain[0] else plain[1:].decode("utf-8", "surrogatepass")


_SEALS: WeakKeyDictionary[Dialect, Seal] = WeakKeyDictionary()


def use_seal(dialect: Dialect, seal: Seal) -> None:
    """Encrypt and decrypt with this seal whatever passes through the engine of this dialect."""
    _SEALS[dialect] = seal


def seal_of(dialect: Dialect) -> Seal | None:
    """Return what an engine encrypts with; None where its home is not encrypted."""
    return _SEALS.get(dialect)


class _Incomparable(TypeDecorator.Comparator[str]):
    """Refuses what a database could not answer: the same text is encrypted to something else each time."""

    def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> Any:
        """Compare with the empty text only, which stays what it is."""
        if op in (eq, ne) and other != ("",):
            raise TypeError("a sealed column cannot be compared: blind it, or compare what was read")
        return super().operate(op, *other, **kwargs)


class SealedText(TypeDecorator[str]):
    """A text that nobody reads without the key; queries cannot compare it, but for being empty."""

    impl = Text
    cache_ok = True
    comparator_factory = _Incomparable

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt on the way in."""
        seal = seal_of(dialect)
        return value if seal is None or value is None else seal.close_text(self.place, value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt on the way out."""
        seal = seal_of(dialect)
        return value if seal is None or value is None else seal.open_text(self.place, value)


class SealedBytes(TypeDecorator[bytes]):
    """Bytes that nobody reads without the key; the same are encrypted to the same, so that writers see a change."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Encrypt on the way in."""
        seal = seal_of(dialect)
        return value if seal is None or value is None else seal.close_bytes(self.place, value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Decrypt on the way out."""
        seal = seal_of(dialect)
        return value if seal is None or value is None else seal.open_bytes(self.place, value)


class Blinded(TypeDecorator[str]):
    """A name or digest that queries look up: equal ones stay equal, and say nothing else without the key.

    Columns of one domain can be joined. Beginnings, order and ranges mean nothing to the database.
    """

    impl = String
    cache_ok = True

    def __init__(self, domain: str, length: int = 64) -> None:
        super().__init__(length)
        self.domain = domain

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt on the way in."""
        seal = seal_of(dialect)
        return value if seal is None or not value else seal.blind(self.domain, value)

    def process_literal_param(self, value: str | None, dialect: Dialect) -> str:
        """Refuse literals but the empty one, which stays what it is."""
        assert not value, "a blinded column takes parameters, not literals"
        return ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt on the way out."""
        seal = seal_of(dialect)
        return value if seal is None or not value else seal.unblind(self.domain, value)


ENCRYPTED = (SealedText, SealedBytes, Blinded)


def holds_text(column: Column[Any]) -> bool:
    """Tell whether a column holds text, encrypted or not."""
    return isinstance(column.type, String | SealedText | Blinded)


def closed_rows(dialect: Dialect, table: Table, rows: Sequence[RowValues]) -> list[dict[str, Cell]]:
    """Return rows as they are stored, for a statement that the driver takes without SQLAlchemy's help."""
    if seal_of(dialect) is None:
        return [dict(row) for row in rows]
    return [{name: closed_value(dialect, table.c[name].type, value) for name, value in row.items()} for row in rows]


def closed_value(dialect: Dialect, kind: object, value: Cell) -> Cell:
    """Return one value as it is stored in a column of this type."""
    return kind.process_bind_param(value, dialect) if isinstance(kind, ENCRYPTED) else value


def opened_value(dialect: Dialect, kind: object, value: Cell) -> Cell:
    """Return one value as it was before it was stored in a column of this type."""
    return kind.process_result_value(value, dialect) if isinstance(kind, ENCRYPTED) else value


def _derived(home_key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=b"ratchet 1 " + purpose).derive(home_key)


def _refused(place: str) -> SetupError:
    return SetupError(
        f"a value of {place} does not open with this home's key: it was changed, moved, or written without the key"
    )
