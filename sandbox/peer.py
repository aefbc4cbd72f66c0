"""Questions and answers between a program and its judge: either side may ask while it owes an answer.

A message is a list. Answers are ["value", data, arguments or null] and ["error", what was raised]; everything
else is a question, ["call", target, ...]. Objects that are not data stay where they are and travel as a
reference, {"ref": [owner, number, type name]} with owner "mine" or "yours" as the sender sees it.
"""

import builtins
from collections.abc import Callable
from typing import TypedDict

from sandbox.channel import Channel, ChannelError, MessageTooLongError
from sandbox.codec import CodecError, Encoded, Value, decode, encode

MAX_MESSAGE = 500
PROGRAM_FILE = "<program>"
_FIRST_FRAMES, _LAST_FRAMES = 4, 8


class Raised(TypedDict):
    """An exception as data."""

    type: str
    bases: list[str]  # names of its classes, nearest first
    args: object  # encoded, null where they are not data
    message: str
    frames: list[list[int | str]]  # [line, function], the program's own only


Operation = Callable[..., object]


class Peer:
    """One side's view of the conversation."""

    def __init__(
        self,
        channel: Channel,
        operations: dict[str, Operation],
        represent: Callable[["Peer", list[Encoded]], object],
        *,
        trusting: bool,
    ) -> None:
        """Answer questions with `operations`; `represent` makes the stand-in for an object of the far side.

        trusting: whether the far side may name any builtin function of ours (a judge may, a program may not).
        """
        self._trusting = trusting
        self._channel = channel
        self._operations = operations
        self._represent = represent
        self._objects: list[object] = []

    def ask(self, operation: str, *arguments: object) -> object:
        """Ask the far side and return its value, or raise what it raised (as a builtin exception).

        Lists, dicts and sets among the arguments of a call are changed in place where the far side changed
        them and returned None. Raises ChannelError when the far side breaks the protocol.
        """
        self._channel.send([operation, self.encode(list(arguments))])
        while True:
            message = self._channel.receive()
            if type(message) is not list or len(message) not in (2, 3) or type(message[0]) is not str:
                raise ChannelError("the far end sent no message")
            if message[0] == "value":
                return self._take_value(message, arguments)
            if message[0] == "error":
                raise rebuild(message[1], self, may_stop=operation == "next")
            self._reply(message)

    def serve(self) -> None:
        """Answer questions until the far side hangs up."""
        while True:
            self.answer_next()

    def answer_next(self) -> None:
        """Wait for one question and answer it."""
        self._reply(self._channel.receive())

    def _reply(self, message: list[Encoded]) -> None:
        try:
            self._channel.send(self._answer(message))
        except MessageTooLongError as error:
            self._channel.send(["error", describe(error, self)])

    def _answer(self, message: list[Encoded]) -> object:
        """Do what the far side asks and return the message that says how it went."""
        operation = self._operations.get(message[0])
        if operation is None:
            raise ChannelError(f"no such question: {message[0]!r:.40}")
        arguments: Value = self.decode(message[1])
        try:
            value = operation(*arguments)
            return ["value", self.encode(value), self._changed(message[0], value, arguments)]
        except CodecError as error:
            return ["error", describe(error, self)]
        except ChannelError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a stranger's code raises is an answer
            return ["error", describe(error, self)]

    def encode(self, value: object) -> object:
        """Encode a value; what is not data becomes a reference."""
        return encode(value, self._reference)

    def decode(self, data: object) -> object:
        """Decode a value; references become stand-ins, or our own objects again. Raises ChannelError."""
        try:
            return decode(data, self._resolve)
        except CodecError as error:
            raise ChannelError(str(error)) from error

    def _changed(self, operation: str, value: object, arguments: list[Value]) -> object:
        """Encode the arguments after a call that returned None: it may have worked in place."""
        if operation != "call" or value is not None:
            return None
        return self.encode(arguments[1]) if any(type(item) in _MUTABLE for item in arguments[1]) else None

    def _take_value(self, message: list[Encoded], arguments: tuple[object, ...]) -> object:
        value = self.decode(message[1])
        if value is None and len(message) == 3 and message[2] is not None:
            changed: Value = self.decode(message[2])
            mine: Value = arguments[1]
            for old, new in zip(mine, changed, strict=False):
                _overwrite(old, new)
        return value

    def _reference(self, value: object) -> dict[str, object]:
        reference = getattr(value, "_ratchet_reference", None)
        if type(reference) is int:
            return {"ref": ["yours", reference, ""]}
        name = getattr(value, "__name__", None)
        if type(name) is str and builtins.__dict__.get(name) is value:
            return {"ref": ["builtin", 0, name]}
        self._objects.append(value)
        return {"ref": ["mine", len(self._objects) - 1, type(value).__name__]}

    def _resolve(self, body: Encoded) -> object:
        owner, number, name = body
        if type(number) is not int or type(name) is not str or number < 0:
            raise CodecError("not a reference")
        if owner == "yours":
            return self._objects[number]
        if owner == "builtin":
            return self._builtin(name)
        return self._represent(self, body)

    def _builtin(self, name: str) -> object:
        """Return our own builtin of that name: `len` or `int` need no stand-in.

        From a program only types are taken, not functions: a test may call what it is given.
        """
        found = builtins.__dict__.get(name)
        if found is None or not (self._trusting or isinstance(found, type)):
            raise CodecError("no such builtin")
        return found


_MUTABLE = (list, dict, set, bytearray)


def _overwrite(old: Value, new: Value) -> None:
    """Make a mutable argument look as the far side left it."""
    if type(old) is not type(new):
        return
    if type(old) in (list, bytearray):
        old[:] = new
    elif type(old) in (dict, set):
        old.clear()
        old.update(new)


def describe(error: BaseException, peer: Peer) -> Raised:
    """Turn an exception into data."""
    try:
        message = str(error)[:MAX_MESSAGE]
    except BaseException:  # noqa: BLE001 - __str__ may be a stranger's
        message = ""
    try:
        arguments = peer.encode(list(error.args))
    except CodecError:
        arguments = None
    return {
        "type": type(error).__name__[:100],
        "bases": [base.__name__[:100] for base in type(error).__mro__[:20]],
        "args": arguments,
        "message": message,
        "frames": frames_of(error),
    }


def frames_of(error: BaseException) -> list[list[int | str]]:
    """Return [line, function] of the program's own frames, outermost first: the first 4 and the last 8."""
    frames: list[list[int | str]] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == PROGRAM_FILE:
            frames.append([trace.tb_lineno, code.co_name[:100]])
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == PROGRAM_FILE:
        frames.append([error.lineno or 0, "<module>"])
    return frames if len(frames) <= _FIRST_FRAMES + _LAST_FRAMES else frames[:_FIRST_FRAMES] + frames[-_LAST_FRAMES:]


def rebuild(data: object, peer: Peer, *, may_stop: bool) -> Exception:
    """Return a builtin exception for what the far side raised, with the description as its `raised`.

    Exceptions that are no `Exception` (SystemExit, KeyboardInterrupt) become RuntimeError: they must not end
    the judge. So does StopIteration unless `may_stop`: raised by a function it would end the loop of a test
    (`all(map(candidate, cases))`) before its time. Raises ChannelError when `data` describes nothing.
    """
    raised = _checked(data)
    kind = next((found for name in raised["bases"] if (found := _exception_type(name))), RuntimeError)
    if issubclass(kind, StopIteration | StopAsyncIteration) and not may_stop:
        kind = RuntimeError
    arguments: Value = peer.decode(raised["args"])
    error = _instance(kind, arguments if type(arguments) is list else [raised["message"]], raised["message"])
    vars(error)["raised"] = raised
    return error


def _instance(kind: type[Exception], arguments: list[Value], message: str) -> Exception:
    try:
        return kind(*arguments)
    except Exception:  # noqa: BLE001 - some exceptions want arguments of a certain shape
        return RuntimeError(message)


def _exception_type(name: str) -> type[Exception] | None:
    found = getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _is_frame(data: object) -> bool:
    return type(data) is list and len(data) == 2 and type(data[0]) is int and type(data[1]) is str


def _checked(data: object) -> Raised:
    """Refuse a description that is not one: it comes from a stranger."""
    keys = {"type": str, "bases": list, "message": str, "frames": list}
    if type(data) is not dict or any(type(data.get(key)) is not kind for key, kind in keys.items()):
        raise ChannelError("the far end described no exception")
    return {
        "type": data["type"][:100],
        "bases": [base for base in data["bases"][:20] if type(base) is str],
        "args": data.get("args"),
        "message": data["message"][:MAX_MESSAGE],
        "frames": [frame for frame in data["frames"][:12] if _is_frame(frame)],
    }
