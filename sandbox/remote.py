"""Stand-ins, in the judge, for the program's objects: what is done to them happens in the program.

They never equal data, have no arithmetic and no order, so an object that lies about itself can't stand in for
a result. Two stand-ins are compared by the program's own `__eq__`: tests that do nothing else trust the program.
"""

from collections.abc import Callable
from typing import Any

from sandbox.codec import Encoded
from sandbox.peer import Operation, Peer

_SPECIAL_ATTRIBUTES = frozenset({"__name__", "__doc__", "__annotations__", "__dict__", "__qualname__"})


class Proxy:
    """An object of the program."""

    __slots__ = ("_peer", "_ratchet_reference", "_type_name")
    _peer: Peer
    _ratchet_reference: int
    _type_name: str

    def __init__(self, peer: Peer, number: int, type_name: str) -> None:
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_ratchet_reference", number)
        object.__setattr__(self, "_type_name", type_name)

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call it in the program."""
        return self._peer.ask("call", self, list(args), kwargs)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name not in _SPECIAL_ATTRIBUTES:
            raise AttributeError(f"{name} of a program's object cannot be used in a test")
        return self._peer.ask("getattr", self, name)

    def __setattr__(self, name: str, value: object) -> None:
        self._peer.ask("setattr", self, name, value)

    def __getitem__(self, key: object) -> object:
        return self._peer.ask("getitem", self, key)

    def __setitem__(self, key: object, value: object) -> None:
        self._peer.ask("setitem", self, key, value)

    def __contains__(self, item: object) -> bool:
        raise TypeError(f"a test cannot ask what is in {self!r}: the program would be its own judge")

    def __len__(self) -> int:
        length = self._peer.ask("len", self)
        return length if type(length) is int else 0

    def __iter__(self) -> Any:
        return self._peer.ask("iter", self)

    def __next__(self) -> object:
        return self._peer.ask("next", self)

    def __bool__(self) -> bool:
        return self._peer.ask("true", self) is True

    def __str__(self) -> str:
        return _text(self._peer.ask("str", self))

    def __repr__(self) -> str:
        return f"<{self._type_name} object of the program>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxy) and self._peer.ask("equal", self, other) is True

    __hash__ = object.__hash__


class Candidate:
    """The entry point, by name: calling it is one question and one answer."""

    def __init__(self, peer: Peer, name: str) -> None:
        self._peer = peer
        self._name = name

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call the program's function."""
        return self._peer.ask("call", self._name, list(args), kwargs)

    def __getattr__(self, name: str) -> object:
        return getattr(self._peer.ask("name", self._name), name)

    def __repr__(self) -> str:
        return f"<{self._name} of the program>"

    @property
    def _ratchet_reference(self) -> object:
        """The number of the function itself: it is passed as an argument (`apply(candidate, 3)`)."""
        return getattr(self._peer.ask("name", self._name), "_ratchet_reference", None)


def judge_operations() -> dict[str, Operation]:
    """Return what a program may ask of its judge: to call, or to draw from, an object of the test it was given."""
    return {"call": _call, "next": next}


def represent(peer: Peer, body: list[Encoded]) -> object:
    """Make the stand-in for an object of the program."""
    return Proxy(peer, body[1], body[2][:100])


def _call(target: Callable[..., object] | str, args: list[object], kwargs: dict[str, object]) -> object:
    if isinstance(target, str):
        raise TypeError("a name is no object of the test")
    return target(*args, **kwargs)


def _text(value: object) -> str:
    return value if type(value) is str else ""
