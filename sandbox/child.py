"""A child of the zygote: it locks itself down, waits for its job, and becomes a program, a script or a judge."""

import faulthandler
import os
import resource
import signal
import socket
from typing import NoReturn, TypedDict

from sandbox.channel import Channel
from sandbox.lockdown import Lockdown
from sandbox.program import finish_script, open_standard_streams, run_script, serve


class Start(TypedDict):
    """The first message to a child; descriptors 0 to 2 and the one for crash traces came just before it."""

    role: str  # "program", "script" or "judge"
    limits: dict[str, int]  # of resource.setrlimit, by name: both soft and hard


STREAMS = 4
"""Descriptors a child is sent: standard input, output, error, and where a crash or timeout writes its traceback."""

_TRACE_FD = 3
_CHANNEL_FD = 4
_PEER_FD = 5


def run_child(sock: socket.socket, lockdown: Lockdown) -> NoReturn:
    """Never return to the zygote's code, whatever happens."""
    try:
        lockdown.complete_in_child()
        sock.sendall(b"r")  # carries our process id, as the kernel sees it from the worker's side
        _serve(sock)
    finally:
        os._exit(1)


def _serve(sock: socket.socket) -> None:
    channel, peer_fd = _take_descriptors(sock)
    start: Start = channel.receive()  # type: ignore[assignment]
    open_standard_streams()
    faulthandler.enable(_TRACE_FD)
    faulthandler.register(signal.SIGXCPU, _TRACE_FD, all_threads=False)
    _limit(start["limits"])
    if start["role"] == "judge":
        _judge(channel, peer_fd)
    elif start["role"] == "script":
        source = channel.receive()
        channel.close()
        status = run_script(source)  # type: ignore[arg-type]
        finish_script()
        os._exit(status)
    else:
        serve(channel)
    os._exit(0)


def _take_descriptors(sock: socket.socket) -> tuple[Channel, int]:
    """Put the streams at 0 to 3 and the channel at 4, and close everything else."""
    _, received, _, _ = socket.recv_fds(sock, 1, STREAMS + 1)
    given = [*received, sock.detach()]
    moved = [os.dup2(fd, 64 + index) for index, fd in enumerate(given)]
    os.closerange(0, 64)
    streams, channel_fd = moved[:STREAMS], moved[-1]
    for target, fd in enumerate(streams):
        os.dup2(fd, target)
    os.dup2(channel_fd, _CHANNEL_FD, inheritable=False)
    peer_fd = os.dup2(moved[STREAMS], _PEER_FD, inheritable=False) if len(moved) > STREAMS + 1 else -1
    os.closerange(64, 64 + len(moved))
    return Channel(socket.socket(fileno=_CHANNEL_FD)), peer_fd


def _judge(channel: Channel, peer_fd: int) -> None:
    from sandbox.judge import judge

    task = channel.receive()
    channel.send(judge(task, Channel(socket.socket(fileno=peer_fd))))  # type: ignore[arg-type]


def _limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        which = getattr(resource, name, None)
        if which is not None:
            _, hard = resource.getrlimit(which)
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (bound, bound))
