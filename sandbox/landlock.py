"""Landlock: which files a process may touch, by the kernel's own rules, without privileges.

Source: Documentation/userspace-api/landlock.rst of the Linux kernel.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from sandbox.kernel import syscall

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_MAKE_DEVICES = (1 << 6) | (1 << 11)
_FIRST_ABI = (1 << 13) - 1
_READ = _READ_FILE | _READ_DIR
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


def abi() -> int:
    """Return the version of Landlock that the kernel offers. Raises OSError where it is missing or switched off."""
    return syscall("landlock_create_ruleset", None, 0, 1)


def restrict(readable: Iterable[int], writable: Iterable[int]) -> int:
    """Forbid this process and its children every file but those beneath the open folders and files given.

    TCP, signals and abstract sockets across the border are forbidden too where the version knows them.
    Returns the version. Raises OSError. no_new_privs must be set before.
    """
    version = abi()
    files = _FIRST_ABI | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    files |= _IOCTL_DEV if version >= 5 else 0
    network = 3 if version >= 4 else 0
    scopes = 3 if version >= 6 else 0
    attributes = struct.pack("@QQQ", files, network, scopes)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    ruleset = syscall("landlock_create_ruleset", buffer, len(attributes), 0)
    try:
        for fd in readable:
            _allow(ruleset, fd, files & _READ)
        for fd in writable:
            _allow(ruleset, fd, files & ~_MAKE_DEVICES & ~_EXECUTE)
        syscall("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _allow(ruleset: int, fd: int, rights: int) -> None:
    if not stat.S_ISDIR(os.fstat(fd).st_mode):
        rights &= _FILE_RIGHTS
    rule = struct.pack("@Qi", rights, fd)
    syscall("landlock_add_rule", ruleset, 1, ctypes.create_string_buffer(rule, len(rule)), 0)
