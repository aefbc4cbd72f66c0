"""Rehearsals: a zygote goes through a whole conversation before its first fork.

The interpreter then has looked up, specialised and cached what every child needs, and a child that finds it done
copies fewer pages of memory and runs warm code. Nothing of a stranger's takes part.
"""

import linecache
import socket
import sys
from typing import Any

from sandbox.channel import RESULT_BYTES, Channel
from sandbox.peer import PROGRAM_FILE, Peer

_TIMES = 20
"""Python 3.11 specialises a function's code after 8 calls or so, and a few instructions later than that."""

_PROGRAM = '''
from typing import List, Optional


class Pair:
    """Two values."""

    def __init__(self, first, second=None):
        self.first, self.second = first, second


def rehearse(numbers: List[int], text: str = "a b", *rest: float, **named: bool) -> Optional[list]:
    """Do a little of everything.

    >>> rehearse([1, 2])
    [1, 2]
    """
    seen = {}
    for index, number in enumerate(sorted(numbers, key=lambda item: -item)):
        seen[number] = seen.get(number, 0) + index % 2
    words = [word.strip().upper() for word in text.split(" ") if word]
    total = sum(item ** 2 for item in range(len(words))) + abs(min(numbers, default=0)) / 2
    pairs = [Pair(key, value) for key, value in seen.items() if value >= 0 and not key == "x"]
    while total > 1 and pairs:
        total -= 1
    try:
        return [pairs[0].first, "-".join(words)[::-1], (total, True), None, set(numbers), seen, f"{total:.2f}"]
    except IndexError as error:
        raise ValueError(str(error)) from error
'''
_QUESTIONS: list[list[Any]] = [
    ["load", [_PROGRAM, False]],
    ["call", ["rehearse", [[1, 2, 3]], {"dict": []}]],
    ["call", ["rehearse", [[4, 4, -1], "xyz uv"], {"dict": []}]],
    ["call", ["rehearse", [[1, 2.5], "xyz uv", 1.5], {"dict": [["named", True]]}]],
    ["name", ["rehearse"]],
    ["call", ["rehearse", [[]], {"dict": []}]],
]


def rehearse_program(judge: socket.socket, peer: Peer) -> None:
    """Ask `peer`, which is at the other end of the socket `judge`, what a judge asks a program."""
    channel = Channel(judge)
    for _ in range(_TIMES):
        for question in _QUESTIONS:
            channel.send(question)
            peer.answer_next()
            channel.receive()
    sys.modules.pop("solution")
    linecache.cache.pop(PROGRAM_FILE)


_TEST = """
METADATA = {"author": "nobody"}


def check(candidate):
    assert candidate([1, 2], "a") == [1, 2], "first"
    assert abs(candidate(3) - 1.5) < 1e-6
    for item in range(2):
        assert candidate(item) is None
    assert math.floor(candidate((4, {5: "x"}))) in (1, 2)
"""
_ANSWERS = ([1, 2], 1.5, None, None, 1)


def rehearse_judge() -> None:
    """Judge a program whose answers are known beforehand."""
    from sandbox.asserts import compile_setup, compile_test
    from sandbox.judge import JudgeTask, judge

    task: JudgeTask = {
        "program": _PROGRAM, "entry_point": "rehearse", "setup": _PROGRAM, "numbers": [1], "coverage": False,
        "tests": [{"kind": "check", "code": _TEST, "visible": True}],
    }  # fmt: skip
    ours, theirs = socket.socketpair()
    with ours, theirs:
        program, line = Channel(theirs), Channel(ours, receive_bytes=RESULT_BYTES)
        for _ in range(_TIMES):
            for answer in (None, *_ANSWERS):
                program.send(["value", answer, None])
            if any(row["status"] != "passed" for row in judge(task, line)["verdicts"][0]):
                raise AssertionError("the judge does not know a right answer")
            for _ in (None, *_ANSWERS):
                program.receive()
            compile_test.cache_clear()
            compile_setup.cache_clear()
