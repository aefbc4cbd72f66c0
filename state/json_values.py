"""Names for JSON as Python holds it, before anybody has looked at it."""

from collections.abc import Mapping
from typing import Any, TypeAlias

JsonValue: TypeAlias = Any
"""A JSON value as it comes from outside: what it is gets checked where it is read."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object as it comes from outside: its keys are checked where it is read."""

JsonMapping: TypeAlias = Mapping[str, Any]
"""A JSON object that is only read."""
