"""Frames of JSON over a stream socket: four bytes of length, then UTF-8.

The far end may be hostile: a frame that is too long, cut short, dribbled or no JSON raises ChannelError, and
while one side waits it is woken every TICK_S to look at the clock and at what the far end uses up.
"""

import json
import socket
import struct
import time
from collections.abc import Callable

MAX_FRAME_BYTES = 8 << 20
TICK_S = 0.05

_HEADER = struct.Struct(">I")
_CHUNK_BYTES = 1 << 16
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().decode


class ChannelError(BaseException):
    """The far end is gone, or does not keep to the protocol.

    Not an Exception: test code with an `except Exception` must not mistake it for the program's answer.
    """


def pack(message: object) -> bytes:
    """Return the frame of a message. Raises ChannelError when it is too long or too deep to send."""
    try:
        body = _encode(message).encode()
    except (RecursionError, ValueError) as error:
        raise ChannelError(f"the message cannot be written as JSON: {error}") from error
    if len(body) > MAX_FRAME_BYTES:
        raise ChannelError(f"the message has {len(body)} bytes, {MAX_FRAME_BYTES} are allowed")
    return _HEADER.pack(len(body)) + body


class Channel:
    """One end of the conversation."""

    def __init__(self, sock: socket.socket, on_tick: Callable[[], None] | None = None) -> None:
        """Talk over `sock`; `on_tick` is called about every TICK_S of waiting and ends the wait by raising."""
        self._socket = sock
        self._on_tick = on_tick
        self._buffer = bytearray()
        self._next_tick = 0.0
        if on_tick is not None:
            period = struct.pack("@ll", 0, int(TICK_S * 1e6))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, period)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, period)
            self._next_tick = time.monotonic() + TICK_S

    def send(self, message: object) -> None:
        """Send one message. Raises ChannelError when the far end is gone or the message is too long."""
        rest = memoryview(pack(message))
        while rest:
            try:
                rest = rest[self._socket.send(rest, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                self._tick()
            except OSError as error:
                raise ChannelError("the far end is gone") from error

    def receive(self) -> object:
        """Wait for one message. Raises ChannelError when the far end is gone or breaks the protocol."""
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
        if length > MAX_FRAME_BYTES:
            raise ChannelError(f"the far end announced {length} bytes, {MAX_FRAME_BYTES} are allowed")
        end = _HEADER.size + length
        if len(self._buffer) < end:
            return None
        frame = self._buffer[_HEADER.size : end]
        del self._buffer[:end]
        return frame
