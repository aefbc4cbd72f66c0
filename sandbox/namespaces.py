"""A world of its own for a zygote: users, files, processes, network and shared memory.

An ordinary user may do this where unprivileged user namespaces are allowed. Root sets the files up first and
then becomes nobody, in a user namespace like everybody else.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from sandbox import kernel
from sandbox.kernel import PR_SET_DUMPABLE, prctl, syscall

NOBODY = 65534
PRIVATE = "/tmp"  # noqa: S108 - a tmpfs of the zygote's own
"""Where a program may write, inside."""
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the same tmpfs again
_INNER_ID = 1000
_INODES = 4096

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_OTHERS = kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
_OWNERS = kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID


def enter(readable: Iterable[str], new_root: str, scratch_mb: int) -> None:
    """Move this process into new namespaces.

    It goes on as process 1 of that namespace (the process that was there before waits for it, then exits), on a
    file system that holds the `readable` paths, a few devices and an empty /tmp of `scratch_mb`.
    `new_root` is an empty folder to mount it on. Raises OSError where the kernel does not allow it.
    """
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    as_root = os.geteuid() == 0
    if as_root:
        unshare(_OTHERS)
        _build_root(readable, new_root, scratch_mb)
        become_nobody()
        _unshare_users(proc, _OWNERS)
    else:
        _unshare_users(proc, _OWNERS | _OTHERS)
        _build_root(readable, new_root, scratch_mb)
    _become_first_process()
    os.close(proc)


def become_nobody() -> None:
    """Give up root for good. Raises OSError."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    prctl(PR_SET_DUMPABLE, 1)  # or /proc/self would still belong to root


def unshare(flags: int) -> None:
    """Leave namespaces for new ones. Raises OSError."""
    syscall("unshare", flags)


def _unshare_users(proc: int, flags: int) -> None:
    user, group = os.geteuid(), os.getegid()
    unshare(flags)
    _write(proc, "self/setgroups", "deny")
    _write(proc, "self/uid_map", f"{_INNER_ID} {user} 1")
    _write(proc, "self/gid_map", f"{_INNER_ID} {group} 1")


def _write(folder: int, path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY, dir_fd=folder)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _become_first_process() -> None:
    """Fork into the new process namespace; the outer process only waits for the inner one."""
    pid = os.fork()
    if pid:
        os.closerange(0, 256)
        os.waitpid(pid, 0)
        os._exit(0)
    prctl(kernel.PR_SET_PDEATHSIG, 9)


def _build_root(readable: Iterable[str], new_root: str, scratch_mb: int) -> None:
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", new_root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,nr_inodes=1000,mode=755")
    for path in readable:
        _bind(path, new_root + path)
    private, shared = new_root + PRIVATE, new_root + _SHARED_MEMORY
    for folder in (private, shared):
        os.makedirs(folder, exist_ok=True)
    options = f"size={scratch_mb}m,nr_inodes={_INODES},mode=700"
    _mount("tmpfs", private, "tmpfs", _MS_NOSUID | _MS_NODEV, options)
    if os.geteuid() == 0:
        os.chown(private, NOBODY, NOBODY)
    _mount(private, shared, "", _MS_BIND)
    _mount("none", new_root, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    os.chdir(new_root)
    syscall("pivot_root", b".", b".")
    syscall("umount2", b".", _MNT_DETACH)
    os.chdir("/")


def _bind(source: str, target: str) -> None:
    """Show a file or folder at the same place of the new root, read-only; a symbolic link is copied."""
    if not os.path.lexists(source) or os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    mode = os.stat(source).st_mode
    if stat.S_ISDIR(mode):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount(source, target, "", _MS_BIND | _MS_REC)
    attributes = struct.pack("@QQQQ", _MS_RDONLY | _MS_NOSUID | (0 if stat.S_ISCHR(mode) else _MS_NODEV), 0, 0, 0)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    syscall("mount_setattr", _AT_FDCWD, os.fsencode(target), _AT_RECURSIVE, buffer, len(attributes))


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    syscall("mount", os.fsencode(source), os.fsencode(target), kind.encode(), flags, options.encode())
