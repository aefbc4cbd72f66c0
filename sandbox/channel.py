"""Frames of JSON over a stream socket: four bytes of length, then UTF-8.

The far end may be hostile: a frame that is too long, cut short, dribbled or no JSON raises ChannelError, and
while one side waits it is woken every TICK_S to look at the clock and at what the far end uses up.
"""

import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, TypeAlias

RESULT_BYTES = 8 << 20
"""Longest message that is taken from a program."""
MESSAGE_BYTES = 256 << 20
"""Longest message that our own processes send: the tests of a task, the arguments of a call."""
TICK_S = 0.05

Received: TypeAlias = Any
"""JSON from the far end: its shape is checked where it is read."""

_HEADER = struct.Struct(">I")
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
_CHUNK_BYTES = 1 << 16
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().decode


class ChannelError(BaseException):
    """The far end is gone, or does not keep to the protocol.

    Not an Exception: test code with an `except Exception` must not mistake it for the program's answer.
    """


class MessageTooLongError(Exception):
    """The message can't be sent: it has too many bytes, or is nested too deeply."""


def pack(message: object, max_bytes: int = MESSAGE_BYTES) -> bytes:
    """Return the frame of a message. Raises MessageTooLongError."""
    try:
        body = _encode(message).encode()
    except (RecursionError, ValueError) as error:
        raise MessageTooLongError(f"the message cannot be written as JSON: {error}") from error
    if len(body) > max_bytes:
        raise MessageTooLongError(f"the message has {len(body)} bytes, {max_bytes} are allowed")
    return _HEADER.pack(len(body)) + body


class Channel:
    """One end of the conversation."""

    def __init__(
        self,
        sock: socket.socket,
        on_tick: Callable[[], None] | None = None,
        *,
        send_bytes: int = MESSAGE_BYTES,
        receive_bytes: int = MESSAGE_BYTES,
    ) -> None:
        """Talk over `sock`; `on_tick` is called about every TICK_S of waiting and ends the wait by raising.

        send_bytes, receive_bytes: the longest message in either direction.
        """
        self._socket = sock
        self._send_bytes = send_bytes
        self._receive_bytes = receive_bytes
        self._on_tick = on_tick
        self._buffer = bytearray()
        self._next_tick = 0.0
        if on_tick is not None:
            period = struct.pack("@ll", 0, int(TICK_S * 1e6))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, period)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, period)
            self._next_tick = time.monotonic() + TICK_S

    def send(self, message: object) -> None:
        """Send one message. Raises ChannelError when the far end is gone, MessageTooLongError."""
        rest = memoryview(pack(message, self._send_bytes))
        while rest:
            try:
                rest = rest[self._socket.send(rest, _NO_SIGNAL) :]
            except BlockingIOError:
                self._tick()
            except OSError as error:
                raise ChannelError("the far end is gone") from error

    def receive(self) -> Received:
        """Wait for one message, which the caller checks.

        Raises ChannelError when the far end is gone or breaks the protocol.
        """
        while (frame := self._complete_frame()) is None:
            try:
                chunk = self._socket.recv(_CHUNK_BYTES)
            except BlockingIOError:
                self._tick()
                continue
            except OSError as error:
                raise ChannelError("the far end is gone") from error
            if not chunk:
                raise ChannelError("the far end is gone")
            self._buffer += chunk
            self._tick()
        try:
            return _decode(frame.decode())
        except (ValueError, RecursionError) as error:
            raise ChannelError("the far end sent no JSON") from error

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _tick(self) -> None:
        if self._on_tick is not None and time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + TICK_S
            self._on_tick()

    def _complete_frame(self) -> bytearray | None:
        """Take one whole frame off the buffer, if there is one."""
        if len(self._buffer) < _HEADER.size:
            return None
        (length,) = _HEADER.unpack_from(self._buffer)
        if length > self._receive_bytes:
            raise ChannelError(f"the far end announced {length} bytes, {self._receive_bytes} are allowed")
        end = _HEADER.size + length
        if len(self._buffer) < end:
            return None
        frame = self._buffer[_HEADER.size : end]
        del self._buffer[:end]
        return frame
