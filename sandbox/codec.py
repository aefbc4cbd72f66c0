"""Python values as tagged JSON: the only thing that crosses between a program and its judge.

Decoding builds exact builtin types and nothing else: no class, no code and no name of the sender's is ever
looked up. A value of a subclass travels as its base (a namedtuple arrives as a tuple, an IntEnum as an int),
so an `__eq__` written by the program never takes part in a comparison.

JSON's own null, booleans, strings, lists, finite floats and 64-bit integers stand for themselves; everything
else is an object with one key, its tag.
"""

import datetime
import decimal
import fractions
import math
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

MAX_DEPTH = 200
"""Nesting of a value that can travel; deeper ones are refused (they are mostly cycles)."""

_PLAIN_INT = 1 << 63
_MAX_EXPONENT = 100_000

Value: TypeAlias = Any
"""What is sent: any value that a program has."""
Encoded: TypeAlias = Any
"""What has arrived: JSON, of a shape that nobody has checked yet."""
Export = Callable[[Value], dict[str, object]]
"""What to send in place of an object that is not data: a reference of some kind."""
Resolve = Callable[[Encoded], object]
"""What a reference stands for on the receiving side."""
Encoder: TypeAlias = Callable[[Value, Export, int], object]
"""Turns a value of one type into JSON, with what is left of the depth."""
Decoder: TypeAlias = Callable[[Encoded, Resolve, int], object]
"""Turns what stands behind one tag into a value, with what is left of the depth."""


class CodecError(Exception):
    """The value can't travel, or what arrived is not a value."""


def encode(value: Value, export: Export, depth: int = MAX_DEPTH) -> object:
    """Return the JSON value for `value`; objects that are not data go through `export`.

    Raises CodecError for nesting deeper than `depth`.
    """
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return _encode_int(value)
    if kind is float:
        return _encode_float(value)
    if depth == 0:
        raise CodecError(f"the value is nested deeper than {MAX_DEPTH}")
    if kind is list:
        return [encode(item, export, depth - 1) for item in value]
    encoder = _ENCODERS.get(kind) or _encoder_of_base(kind)
    return encoder(value, export, depth - 1) if encoder else export(value)


def decode(data: Encoded, resolve: Resolve, depth: int = MAX_DEPTH) -> object:
    """Return the value that `data` (decoded JSON) stands for.

    Raises CodecError for anything `encode` does not make.
    """
    if type(data) is list:
        if depth == 0:
            raise CodecError(f"the value is nested deeper than {MAX_DEPTH}")
        return [decode(item, resolve, depth - 1) for item in data]
    if type(data) is not dict:
        return data
    if len(data) != 1 or depth == 0:
        raise CodecError("not a value: an object needs exactly one tag, at a depth that is allowed")
    ((tag, body),) = data.items()
    decoder = _DECODERS.get(tag)
    if decoder is None:
        raise CodecError(f"not a value: unknown tag {tag!r:.40}")
    try:
        return decoder(body, resolve, depth - 1)
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        raise CodecError(f"not a value: a bad {tag!r:.40}") from error


def _encode_int(value: int) -> object:
    return value if -_PLAIN_INT < value < _PLAIN_INT else {"int": hex(value)}


def _encode_float(value: float) -> object:
    return value if math.isfinite(value) else {"float": repr(value)}


def _encode_pairs(value: Value, export: Export, depth: int) -> object:
    return {
        "dict": [[encode(key, export, depth), encode(item, export, depth)] for key, item in dict.items(value)],
    }


def _sequence(tag: str, iterate: Callable[[Value], Value]) -> Encoder:
    def encode_items(value: Value, export: Export, depth: int) -> object:
        items = [encode(item, export, depth) for item in iterate(value)]
        return {tag: items} if tag else items

    return encode_items


def _text(tag: str, write: Callable[[Value], Value]) -> Encoder:
    return lambda value, export, depth: {tag: write(value)}


_ENCODERS: dict[type, Encoder] = {
    tuple: _sequence("tuple", tuple.__iter__),
    set: _sequence("set", set.__iter__),
    frozenset: _sequence("frozenset", frozenset.__iter__),
    deque: _sequence("deque", deque.__iter__),
    list: _sequence("", list.__iter__),
    dict: _encode_pairs,
    bytes: _text("bytes", lambda value: bytes.hex(value)),
    bytearray: _text("bytearray", lambda value: bytearray.hex(value)),
    complex: _text("complex", lambda value: [repr(value.real), repr(value.imag)]),
    range: _text("range", lambda value: [hex(value.start), hex(value.stop), hex(value.step)]),
    type(...): _text("ellipsis", lambda value: None),
    decimal.Decimal: _text("decimal", lambda value: decimal.Decimal.__str__(value)),
    fractions.Fraction: _text("fraction", lambda value: [hex(value.numerator), hex(value.denominator)]),
    datetime.date: _text("date", lambda value: datetime.date.isoformat(value)),
    datetime.datetime: _text("datetime", lambda value: datetime.datetime.isoformat(value)),
    datetime.time: _text("time", lambda value: datetime.time.isoformat(value)),
    datetime.timedelta: _text("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
}

_BASES: dict[type, Encoder] = {
    int: lambda value, export, depth: _encode_int(int.__index__(value)),
    float: lambda value, export, depth: _encode_float(float.__float__(value)),
    str: lambda value, export, depth: str.__str__(value),
}


def _encoder_of_base(kind: type) -> Encoder | None:
    """Find the encoder of the nearest data type that `kind` derives from."""
    for base in type.mro(kind):
        if base in _ENCODERS:
            return _ENCODERS[base]
        if base in _BASES:
            return _BASES[base]
    return None


def _items(build: Callable[[list[Value]], object]) -> Decoder:
    return lambda body, resolve, depth: build([decode(item, resolve, depth) for item in _list(body)])


def _list(body: Encoded) -> list[Encoded]:
    if type(body) is not list:
        raise CodecError("not a value: a list was expected")
    return body


def _numbers(body: Encoded) -> list[int]:
    return [int(text, 16) for text in _list(body)]


def _decimal(body: Encoded) -> decimal.Decimal:
    number = decimal.Decimal(body)
    if number.is_finite() and abs(number.adjusted()) > _MAX_EXPONENT:
        raise CodecError("a decimal of that size would exhaust the judge when made an integer")
    return number


def _decode_pairs(body: Encoded, resolve: Resolve, depth: int) -> object:
    return {decode(key, resolve, depth): decode(item, resolve, depth) for key, item in _list(body)}


_DECODERS: dict[object, Decoder] = {
    "tuple": _items(tuple),
    "set": _items(set),
    "frozenset": _items(frozenset),
    "deque": _items(deque),
    "dict": _decode_pairs,
    "int": lambda body, resolve, depth: int(body, 16),
    "float": lambda body, resolve, depth: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[body],
    "bytes": lambda body, resolve, depth: bytes.fromhex(body),
    "bytearray": lambda body, resolve, depth: bytearray.fromhex(body),
    "complex": lambda body, resolve, depth: complex(*(float(part) for part in _list(body))),
    "range": lambda body, resolve, depth: range(*_numbers(body)),
    "ellipsis": lambda body, resolve, depth: ...,
    "decimal": lambda body, resolve, depth: _decimal(body),
    "fraction": lambda body, resolve, depth: fractions.Fraction(*_numbers(body)),
    "date": lambda body, resolve, depth: datetime.date.fromisoformat(body),
    "datetime": lambda body, resolve, depth: datetime.datetime.fromisoformat(body),
    "time": lambda body, resolve, depth: datetime.time.fromisoformat(body),
    "timedelta": lambda body, resolve, depth: datetime.timedelta(*_list(body)),
    "ref": lambda body, resolve, depth: resolve(body),
}
