"""What a person may change in a saved state: `key=value`, checked, texts put into the content store."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from state.errors import SetupError
from state.json_values import JsonMapping, JsonObject, JsonValue
from storage.contents import ContentStore, canonical

# Short names of what is changed most.
SHORT = {name: f"attempts.-1.{name}" for name in ("code", "answer", "feedback", "finish")}
TEXTS = frozenset({"code", "answer", "request", "feedback"})  # hold the address of a text


def parse_edits(given: Sequence[str]) -> JsonObject:
    """Read `key=value` arguments: the value is JSON, or else text; `@file` is the text of a file.

    Raises SetupError for one without an equals sign, and for a file that cannot be read.
    """
    edits: JsonObject = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise SetupError(f"{text!r}: write key=value, such as reward.total=0.5 or code=@fixed.py")
        edits[key] = _value(key, value)
    return edits


def _value(key: str, value: str) -> JsonValue:
    if value.startswith("@"):
        try:
            return Path(value[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{key}: cannot read {value[1:]}: {getattr(error, 'strerror', None) or error}") from error
    if key.rpartition(".")[2] in TEXTS:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def edited(state: JsonMapping, edits: JsonMapping, contents: ContentStore) -> JsonObject:
    """Return the channels that the edits change, whole; texts become addresses in the content store.

    Keys are paths such as "reward.total" or "attempts.0.code"; "code", "answer", "feedback" and "finish" mean those of
    the latest attempt. An attempt that was declined and is given a program counts as answered.
    Raises SetupError for a path that the state does not have, and for another type of value.
    """
    changed: JsonObject = {}
    for key, value in edits.items():
        channel, *path = SHORT.get(key, key).split(".")
        if channel not in state:
            raise SetupError(f"{key}: this state has no {channel!r} at that point (have: {', '.join(sorted(state))})")
        changed[channel] = _with(changed.get(channel, state[channel]), path, value, key, contents)
    if isinstance(changed.get("attempts"), list):  # of an episode; among a run's settings it is a number
        changed["attempts"] = [
            _answered(old, new) for old, new in zip(state["attempts"], changed["attempts"], strict=True)
        ]
    return {name: value for name, value in changed.items() if value != state.get(name)}


def _answered(old: JsonMapping, new: JsonObject) -> JsonObject:
    """Return an attempt with its end: one that was declined and is given a program is an answer, and is executed."""
    given = new["code"] not in ("", old["code"])
    return {**new, "finish": "stop"} if given and new["finish"] == "declined" else new


def _opened(before: JsonValue, name: str, key: str) -> tuple[JsonValue, JsonValue]:
    """Return a copy of a list or an object, and the index of the place in it that a name means."""
    if isinstance(before, list) and re.fullmatch(r"-?\d+", name) and -len(before) <= int(name) < len(before):
        return list(before), int(name) % len(before)
    if isinstance(before, dict) and name in before:
        return dict(before), name
    have = ", ".join(before) if isinstance(before, dict) else f"{len(before)} items" if before else "nothing"
    raise SetupError(f"{key}: there is no {name!r} in this state at that point (have: {have})")


def _with(before: JsonValue, path: Sequence[str], value: JsonValue, key: str, contents: ContentStore) -> JsonValue:
    """Return a copy of a JSON value with one place changed."""
    if not path:
        return _checked(before, value, key)
    name, *rest = path
    copy, index = _opened(before, name, key)
    if not rest and name in TEXTS and isinstance(value, str) and isinstance(copy[index], str):
        copy[index] = _stored(name, value, contents)
    else:
        copy[index] = _with(copy[index], rest, value, key, contents)
    return copy


def _stored(name: str, text: str, contents: ContentStore) -> str:
    """Return the address of a text as the state refers to it."""
    if not text:
        return ""
    [address] = contents.put(canonical({"outcome": text}) if name == "feedback" else text)
    return address


def _checked(before: JsonValue, value: JsonValue, key: str) -> JsonValue:
    number = isinstance(before, int | float) and not isinstance(before, bool)
    if number and isinstance(value, int | float) and not isinstance(value, bool):
        return type(before)(value) if isinstance(before, float) or value == int(value) else value
    if before is not None and value is not None and type(before) is not type(value):
        raise SetupError(f"{key}: is a {type(before).__name__} ({before!r:.60}), not {value!r:.60}")
    return value
