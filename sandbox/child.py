"""A child of the zygote: it locks itself in, waits for its job, and becomes a program, a script or a judge."""

import array
import contextlib
import faulthandler
import fcntl
import os
import resource
import signal
import socket
import struct
from typing import NoReturn

from sandbox.channel import RESULT_BYTES, Channel, ChannelError
from sandbox.lockdown import Lockdown
from sandbox.program import finish_script, open_standard_streams, program_peer, run_script
from sandbox.rehearsal import rehearse_program

LIMITED = ("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_NPROC")
"""What a child is limited in, by the names of `resource.setrlimit`."""
START = struct.Struct(f"@c{len(LIMITED)}q")
"""The first message to a child: its role (PROGRAM, SCRIPT or JUDGE) and its limits, -1 for none. It comes with the
descriptors 0 to 2 and the one for crash traces; a judge gets the line to its program too."""
PROGRAM, SCRIPT, JUDGE = b"p", b"s", b"j"
PID = struct.Struct("@i")
"""The greeting of a child. The kernel adds our process id as the worker sees it, from its own namespace."""
STREAMS = 4
"""Descriptors a child is sent: standard input, output, error, and where a crash or timeout writes its traceback."""

_TRACE_FD, _CHANNEL_FD, _PEER_FD, _FIRST_FREE_FD, _LAST_FD = 3, 4, 5, 6, 64
_ANCILLARY_BYTES = socket.CMSG_SPACE((STREAMS + 1) * 4)


class ChildToBe:
    """All that children have in common, made once in the zygote: a child that builds little copies little memory."""

    def __init__(self, lockdown: Lockdown) -> None:
        """Take the descriptors 0 to 5 of this process for what a child will have there."""
        self._lockdown = lockdown
        one_end, other_end = socket.socketpair()
        placeholder = fcntl.fcntl(one_end.fileno(), fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
        judge = socket.socket(fileno=fcntl.fcntl(other_end.fileno(), fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD))
        one_end.close()
        other_end.close()
        for descriptor in range(_FIRST_FREE_FD):
            os.dup2(placeholder, descriptor, inheritable=False)
        os.close(placeholder)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, _CHANNEL_FD)
        self._channel = Channel(self._socket, send_bytes=RESULT_BYTES)
        open_standard_streams()
        with judge:
            rehearse_program(judge, program_peer(self._channel))
        self._peer = program_peer(self._channel)
        faulthandler.enable(_TRACE_FD)
        faulthandler.register(signal.SIGXCPU, _TRACE_FD, all_threads=False)

    def run(self, descriptor: int) -> NoReturn:
        """Be the child at the other end of a socket; never return to the zygote's code, whatever happens."""
        try:
            os.dup2(descriptor, _CHANNEL_FD, inheritable=False)
            self._lockdown.complete_in_child()
            self._socket.send(PID.pack(os.getpid()))
            self._work()
        finally:
            os._exit(1)

    def _work(self) -> None:
        role, *limits = START.unpack(self._take_descriptors())
        limit_resources(dict(zip(LIMITED, limits, strict=True)))
        if role == JUDGE:
            self._judge()
        elif role == SCRIPT:
            source = self._channel.receive()
            status = run_script(source)
            finish_script()
            os._exit(status)
        else:
            self._serve()
        os._exit(0)

    def _take_descriptors(self) -> bytes:
        """Put the streams at 0 to 3 and a judge's line to its program at 5; close everything else."""
        message, ancillary, _, _ = self._socket.recvmsg(START.size, _ANCILLARY_BYTES)
        given = array.array("i", ancillary[0][2])
        for descriptor, received in enumerate(given[:STREAMS]):
            os.dup2(received, descriptor)
        if len(given) > STREAMS:
            os.dup2(given[STREAMS], _PEER_FD, inheritable=False)
        os.closerange(_FIRST_FREE_FD if len(given) > STREAMS else _PEER_FD, _LAST_FD)
        return message

    def _serve(self) -> None:
        try:
            self._peer.serve()
        except ChannelError:
            return

    def _judge(self) -> None:
        from sandbox.judge import judge

        task = self._channel.receive()
        line = Channel(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, _PEER_FD), receive_bytes=RESULT_BYTES)
        self._channel.send(judge(task, line))


def limit_resources(limits: dict[str, int]) -> None:
    """Limit this process for good, by the names of `resource.setrlimit`; never above what it may use already."""
    for name, value in limits.items():
        which, hard = _HARD_LIMITS.get(name, (-1, 0))
        if which >= 0 and value >= 0:
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            with contextlib.suppress(ValueError, OSError):  # macOS refuses some of them
                resource.setrlimit(which, (bound, bound))


_HARD_LIMITS = {
    name: (getattr(resource, name), resource.getrlimit(getattr(resource, name))[1])
    for name in LIMITED
    if hasattr(resource, name)
}
