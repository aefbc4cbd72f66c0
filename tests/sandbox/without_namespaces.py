"""Run code given as argument where the kernel refuses namespaces and mounts, as in a container by default."""

import ctypes
import errno
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sandbox import kernel

LOAD_NUMBER, LOAD_FIRST = (0x20, 0, 0, 0), (0x20, 0, 0, 16)
ALLOW, REFUSE, UNKNOWN = (
    (0x06, 0, 0, 0x7FFF0000),
    (0x06, 0, 0, 0x50000 | errno.EPERM),
    (0x06, 0, 0, 0x50000 | errno.ENOSYS),
)
NAMESPACES = 0x7E020000


def forbid_namespaces() -> None:
    steps = [LOAD_NUMBER]
    for name in ("unshare", "setns", "mount", "umount2", "pivot_root", "mount_setattr"):
        steps += [(0x15, 0, 1, kernel.NUMBERS[name]), REFUSE]
    steps += [(0x15, 0, 1, kernel.NUMBERS["clone3"]), UNKNOWN]
    steps += [(0x15, 0, 3, kernel.NUMBERS["clone"]), LOAD_FIRST, (0x45, 0, 1, NAMESPACES), REFUSE, ALLOW]
    code = b"".join(struct.pack("@HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HxxxxxxQ", len(steps), ctypes.addressof(buffer))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.syscall("seccomp", 1, 0, ctypes.create_string_buffer(header, len(header)))


if __name__ == "__main__":
    forbid_namespaces()
    exec(sys.argv[1])
