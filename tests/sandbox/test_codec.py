"""Values cross the border unchanged, and nothing but values."""

import datetime
import json
from collections import Counter, deque, namedtuple
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.codec import CodecError, decode, encode

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.integers() | st.text() | st.booleans(), inner)
        | st.frozensets(st.integers() | st.text())
    ),
    max_leaves=20,
)


def refuse(value: object) -> dict[str, object]:
    raise CodecError(f"not data: {value!r}")


def across(value: object) -> object:
    return decode(json.loads(json.dumps(encode(value, refuse))), refuse)


@given(VALUES)
def test_data_arrives_as_it_left(value: object) -> None:
    arrived = across(value)
    assert arrived == value
    assert repr(arrived) == repr(value) or isinstance(value, frozenset | dict | list | tuple)


@pytest.mark.parametrize(
    "value",
    [
        10**100, -(2**63), float("inf"), range(1, 9, 2), ..., {1, 2}, deque([1]), bytearray(b"x"), Decimal("1.50"),
        Fraction(1, 3), datetime.date(2020, 1, 2), datetime.timedelta(1, 2, 3), "\ud800", {(1, "a"): {None: b"\0"}},
    ],
    ids=repr,
)  # fmt: skip
def test_other_builtin_types_arrive_too(value: object) -> None:
    assert across(value) == value
    assert type(across(value)) is type(value)


def test_a_subclass_arrives_as_its_base() -> None:
    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    assert across(Liar(3)) != 4
    assert type(across(namedtuple("P", "x y")(1, 2))) is tuple
    assert type(across(Counter("aab"))) is dict


def test_what_is_not_data_does_not_travel() -> None:
    with pytest.raises(CodecError):
        across(object())
    items: list[object] = []
    items.append(items)
    with pytest.raises(CodecError, match="deeper"):
        across(items)


@pytest.mark.parametrize(
    "data",
    [
        {}, {"a": 1, "b": 2}, {"eval": "1"}, {"int": 5}, {"int": "zz"}, {"dict": [[1]]}, {"set": [[1]]}, {"float": "1"},
        {"bytes": "x"}, {"range": [1]}, {"decimal": "1E+999999999"}, {"tuple": {"a": 1}}, {"ref": ["mine"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_forged_value_is_refused(data: object) -> None:
    with pytest.raises(CodecError):
        decode(data, lambda body: {}[body[3]])
