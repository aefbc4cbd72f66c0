"""Keep secrets out of texts: what the environment holds under a secret's name never gets into an error or a trace."""

import os
import re
from collections.abc import Mapping

from state.json_values import JsonValue

SECRET_NAME = re.compile(r"(API_?KEY|ACCESS_KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|_KEY)$", re.IGNORECASE)
SHORTEST = 6  # characters: shorter values ("none", "test") occur in ordinary text
MASK = "[secret]"


def secrets_of(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the values of variables that are named like secrets, the longest first."""
    found = {value for name, value in environment.items() if SECRET_NAME.search(name) and len(value) >= SHORTEST}
    return sorted(found, key=len, reverse=True)


def redacted(text: str) -> str:
    """Return the text with every secret of the environment masked."""
    for secret in secrets_of():
        text = text.replace(secret, MASK)
    return text


def redacted_values(value: JsonValue, secrets: list[str]) -> JsonValue:
    """Return a JSON value with the given secrets masked in every text in it, keys included."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, Mapping):
        return {redacted_values(key, secrets): redacted_values(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_values(item, secrets) for item in value]
    return value
