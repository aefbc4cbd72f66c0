"""The whole program in a folder of its own, within the test's process."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.loopback_model import write_tasks
from cli.main import main


@dataclass
class Said:
    """What the program said, and how it ended."""

    stdout: str
    stderr: str
    code: int


Ratchet = Callable[..., Said]
"""Runs the program with arguments, and variables of the environment by name."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with six tasks."""
    write_tasks(tmp_path / "tasks.jsonl", 6)
    return tmp_path


@pytest.fixture
def ratchet(folder: Path, capsys: pytest.CaptureFixture[str]) -> Ratchet:
    """Run the program in that folder, within this process: its imports take seconds."""

    def run(*arguments: str, **variables: str) -> Said:
        root = logging.getLogger()
        before = (root.handlers[:], root.level)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("OPENAI_API_KEY", "")  # so that what the file brings is taken back
            patch.delenv("OPENAI_API_KEY")
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["ratchet", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
        for handler in set(root.handlers) - set(before[0]):
            handler.close()
        root.handlers[:], root.level = before
        said = capsys.readouterr()
        return Said(said.out, said.err, int(ended.value.code or 0))

    return run
