"""The key to an encrypted home: yours from the environment, which opens the home's own.

What is stored is encrypted with a random key of the home. That key lies in the home, encrypted with yours: so a wrong
key is found out at once, and yours can be changed in one transaction.
"""

import base64
import binascii
import json
import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, inspect, select, update

from state.errors import SetupError
from storage.sealing import NONCE_BYTES, Seal
from storage.tables import home_meta

KEY_VARIABLE = "RATCHET_ENCRYPTION_KEY"
NEW_KEY_VARIABLE = "RATCHET_NEW_ENCRYPTION_KEY"
KEY_BYTES = 32
RECORD = "encryption"  # the row of home_meta
SCHEME = "AES-256 1"
_HOW_TO_MAKE_ONE = f"`ratchet db key` makes one: {KEY_BYTES} random bytes in base64"


def new_key() -> str:
    """Return a new random key, as the environment takes it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def given_key(variable: str = KEY_VARIABLE) -> bytes | None:
    """Return the key in the environment, None where there is none; raises SetupError, without it, for a bad one."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    for decode in (bytes.fromhex, _from_base64):
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == KEY_BYTES:
            return key
    raise SetupError(f"{variable} is no key: it must be {KEY_BYTES} bytes in base64 or hexadecimal. {_HOW_TO_MAKE_ONE}")


def opened_seal(connection: Connection, name: str, key: bytes | None) -> Seal | None:
    """Return the seal of the home that a connection leads to; None where it is not encrypted.

    Raises SetupError where there is a key and the home is not encrypted, where it is and there is none, or another one.
    """
    record = _record(connection)
    if record is None:
        if key is not None:
            raise SetupError(
                f"{KEY_VARIABLE} is set, but the home {name} is not encrypted: a home is from its beginning, or "
                "not at all. Unset it, or choose another folder with --home; docs/encryption.md says how to move over"
            )
        return None
    if key is None:
        raise SetupError(f"the home {name} is encrypted: set {KEY_VARIABLE} to its key, or choose another home")
    return Seal(_unwrapped(record, name, key))


def begin_encryption(connection: Connection, key: bytes) -> Seal:
    """Make a home that is still empty an encrypted one, in the caller's transaction."""
    home_key = secrets.token_bytes(KEY_BYTES)
    connection.execute(home_meta.insert().values(key=RECORD, value=_wrapped(home_key, key)))
    return Seal(home_key)


def change_key(connection: Connection, name: str, old: bytes, new: bytes) -> None:
    """Have another key open the home, in the caller's transaction.

    What is stored stays encrypted with the home's own key: a copy of the home from before still opens with the old one.
    Raises SetupError where the home is not encrypted, or the old key does not open it.
    """
    record = _record(connection)
    if record is None:
        raise SetupError(f"the home {name} is not encrypted: there is no key to change")
    value = _wrapped(_unwrapped(record, name, old), new)
    connection.execute(update(home_meta).where(home_meta.c.key == RECORD).values(value=value))


def _record(connection: Connection) -> str | None:
    if not inspect(connection).has_table(home_meta.name):
        return None
    return connection.execute(select(home_meta.c.value).where(home_meta.c.key == RECORD)).scalar()


def _wrapped(home_key: bytes, key: bytes) -> str:
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, home_key, SCHEME.encode())
    return json.dumps({"scheme": SCHEME, "key": base64.b64encode(sealed).decode("ascii")})


def _unwrapped(record: str, name: str, key: bytes) -> bytes:
    found = json.loads(record)
    if found["scheme"] != SCHEME:
        raise SetupError(f"the home {name} is encrypted in a way that this version does not know: update ratchet")
    sealed = base64.b64decode(found["key"])
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], SCHEME.encode())
    except InvalidTag:
        raise SetupError(f"{KEY_VARIABLE} is not the key of the home {name}: nothing was read or written") from None


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
