"""The system calls a program may make: an allowlist, compiled to the kernel's filter language.

Everything else answers EPERM, and calls newer than this list ENOSYS, so that a C library falls back to what
it knows. clone3 answers ENOSYS too: its flags lie in memory, where a filter can't read them.
"""

import ctypes
import errno
import itertools
import os
import platform
import struct

from sandbox import kernel
from sandbox.kernel import NUMBERS, Prepared

_FREE = """
read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 access pipe pipe2 select pselect6 ppoll sched_yield
mremap msync mincore madvise dup dup2 dup3 pause nanosleep getitimer alarm setitimer getpid sendfile sendto recvfrom
sendmsg recvmsg sendmmsg recvmmsg shutdown getsockname getpeername setsockopt getsockopt exit wait4 waitid uname
fcntl flock fsync fdatasync truncate ftruncate getdents getdents64 getcwd chdir fchdir rename renameat renameat2
mkdir mkdirat rmdir creat link linkat unlink unlinkat symlink symlinkat readlink readlinkat umask gettimeofday time
getrlimit setrlimit getrusage sysinfo times getuid getgid geteuid getegid getppid getpgrp getpgid setpgid setsid
getsid getgroups getresuid getresgid getpriority rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack statfs
fstatfs statx newfstatat faccessat faccessat2 openat fallocate fadvise64 copy_file_range splice tee sched_getparam
sched_getscheduler sched_get_priority_max sched_get_priority_min sched_getaffinity getcpu arch_prctl gettid getxattr
lgetxattr fgetxattr listxattr llistxattr flistxattr futex futex_waitv set_robust_list get_robust_list
set_tid_address restart_syscall rseq membarrier epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
epoll_pwait2 eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime timer_create timer_settime
timer_gettime timer_delete clock_gettime clock_getres clock_nanosleep exit_group getrandom close_range mlock munlock
capset
"""
"""Calls that are allowed whatever their arguments."""

_ATTRIBUTES = ("chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "utimensat")
"""Landlock does not look at these: without a private file system they would reach every file of the user. They
then do nothing and say that it worked, for the sake of programs that copy files."""
_LOCAL_SOCKETS = ("bind", "listen", "accept", "accept4", "connect")
"""For sockets between the program's own processes; in a network namespace there is nobody else to reach."""
_AF_UNIX = 1
_PRCTL_OPTIONS = (1, 3, 4, 15, 16, 38, 39, 0x53564D41)
"""Death signal, dumpable (get, set), thread name (set, get), no_new_privs (set, get), names of memory regions."""
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""Terminal questions that isatty asks, bytes waiting, and the flags of a descriptor."""
_NAMESPACES = (
    kernel.CLONE_NEWNS | kernel.CLONE_NEWCGROUP | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNET
)  # fmt: skip
"""Not the process namespace: the zygote needs it, and a program has no capability left to open one."""
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
_NEWEST = 462
_OWN_ID = 0x7FFFFFF5
"""Stands for the process id until the filter is installed; no process has this one."""

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_EQUAL, _GREATER, _AT_LEAST, _ANY_BIT = 0x15, 0x25, 0x35, 0x45
_SIGKILL = 9

Instruction = tuple[int, int, int, int]
"""Code, how far to jump when true, when false, and the operand."""
_FIRST: Instruction = (_LOAD, 0, 0, 16)
"""Load the low half of the first argument."""


class Filter:
    """The compiled filter, ready to lock processes in."""

    def __init__(self, *, processes: bool) -> None:
        """Compile it.

        processes: False where nothing else contains them: no new process then, and signals to itself only.
        """
        code = b"".join(struct.pack("@HBBI", *step) for step in _program(processes))
        own = struct.pack("@I", _OWN_ID)
        self._places = [place for place in range(4, len(code), 8) if code[place : place + 4] == own]
        self._steps = ctypes.create_string_buffer(code, len(code))
        header = struct.pack("@HxxxxxxQ", len(code) // 8, ctypes.addressof(self._steps))
        self._install = Prepared("seccomp", 1, 0, ctypes.create_string_buffer(header, len(header)))

    def install(self) -> None:
        """Lock this process and its children in, for ever; no_new_privs must be set before. Raises OSError."""
        for place in self._places:
            struct.pack_into("@I", self._steps, place, os.getpid())
        self._install()


def _program(processes: bool) -> list[Instruction]:
    steps: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _ARCHITECTURES[platform.machine()]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
    ]
    free = {NUMBERS[name] for name in _FREE.split() if name in NUMBERS}
    if processes:
        more = ("fork", "vfork", "tkill", "rt_sigqueueinfo", *_LOCAL_SOCKETS, *_ATTRIBUTES)
        free |= {NUMBERS[name] for name in more if name in NUMBERS}
    for low, high in _ranges(free):
        steps += [(_AT_LEAST, 0, 2, low), (_GREATER, 1, 0, high), (_RETURN, 0, 0, _ALLOW)]
    for name, check in _checked(processes):
        steps += [(_EQUAL, 0, len(check), NUMBERS[name]), *check]
    return [*steps, (_GREATER, 0, 1, _NEWEST), _refuse(errno.ENOSYS), _refuse(errno.EPERM)]


def _checked(processes: bool) -> list[tuple[str, list[Instruction]]]:
    """Return the calls that depend on an argument, with the steps that decide."""
    rules = [
        ("clone3", [_refuse(errno.ENOSYS)]),
        ("prctl", _one_of(0, _PRCTL_OPTIONS, errno.EPERM)),
        ("ioctl", _one_of(1, _IOCTLS, errno.ENOTTY)),
        ("socketpair", _one_of(0, (_AF_UNIX,), errno.EPERM)),
        ("prlimit64", _one_of(0, (0,), errno.EPERM)),
    ]
    if processes:
        return [
            *rules,
            ("clone", [_FIRST, (_ANY_BIT, 0, 1, _NAMESPACES), _refuse(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]),
            ("socket", _one_of(0, (_AF_UNIX,), errno.EPERM)),
            ("kill", _suicide(24)),
            ("tgkill", _suicide(32)),
        ]
    threads = [_FIRST, (_ANY_BIT, 0, 1, kernel.CLONE_THREAD), (_RETURN, 0, 0, _ALLOW), _refuse(errno.EPERM)]
    signals = _one_of(0, (_OWN_ID,), errno.EPERM)
    attributes = [(name, [_refuse(0)]) for name in _ATTRIBUTES if name in NUMBERS]
    return [*rules, ("clone", threads), ("kill", signals), ("tgkill", signals), *attributes]


def _suicide(signal_offset: int) -> list[Instruction]:
    """End a program that kills itself: as the first process of its namespace it would survive its own SIGKILL."""
    return [
        _FIRST,
        (_EQUAL, 0, 3, 1),
        (_LOAD, 0, 0, signal_offset),
        (_EQUAL, 0, 1, _SIGKILL),
        (_RETURN, 0, 0, _KILL),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _one_of(argument: int, values: tuple[int, ...], otherwise: int) -> list[Instruction]:
    """Allow the call when the low half of an argument is one of these values."""
    tests = [(_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [(_LOAD, 0, 0, 16 + 8 * argument), *tests, _refuse(otherwise), (_RETURN, 0, 0, _ALLOW)]


def _refuse(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)


def _ranges(numbers: set[int]) -> list[tuple[int, int]]:
    """Merge consecutive numbers into (first, last)."""
    ranges = []
    for _, group in itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in group]
        ranges.append((members[0], members[-1]))
    return ranges
