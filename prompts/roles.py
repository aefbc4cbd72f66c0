"""Messages that ask a model for something other than a program: to propose, to reflect, to review.

The first line of the system message names the role: `Role: reflect`. The formats are documented in docs/offline.md.
"""

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import TypedDict

from prompts.render import generation_messages
from state.memory_item import MemoryHit
from state.message import Message
from state.role import Role
from state.task import TaskView

_PLAIN = {"system": "", "skills": "", "generate": "$task\n\n$examples\n\n$memories\n\n$feedback", "repair": "$outcome"}


class SolvedTask(TypedDict):
    """A task that was solved while learning: what a model may know of it, and the program that passed every test."""

    view: TaskView
    code: str


def reflection_messages(experience: Sequence[SolvedTask]) -> list[Message]:
    """Return the messages that ask for skill lines from solved tasks."""
    parts = []
    for number, solved in enumerate(experience, start=1):
        task = re.sub(r"^## (Task|Examples)$", r"#### \1", task_text(solved["view"]), flags=re.MULTILINE)
        parts.append(f"### Solved {number}\n{task}\n\n#### Program\n{fenced(solved['code'])}")
    return _messages("reflect", "## Solved tasks\n\n" + "\n\n".join(parts))


def proposal_messages(
    number: int, *, seed: int, known: Sequence[str], memories: Sequence[MemoryHit] = ()
) -> list[Message]:
    """Return the messages that ask for the new task of that number.

    known: names of tasks that exist, none of which is wanted again. memories: what may be built upon.
    """
    parts = [f"## Proposal\nProposal {number} of series {seed}."]
    if known:
        parts.append("## Known tasks\n" + "\n".join(f"- {name}" for name in known))
    if memories:
        parts.append(task_text(None, memories))
    return _messages("propose", "\n\n".join(parts))


def task_text(view: TaskView | None, memories: Sequence[MemoryHit] = ()) -> str:
    """Return the sections that show a task and memories, as they are shown when a program is asked for."""
    shown: TaskView = view or {"prompt": "", "entry_point": "", "examples": []}
    text = generation_messages({"prompt_set": "", "components": _PLAIN}, shown, memories, [])[1]["content"]
    return text if view else text.removeprefix("## Task").strip()


def role_text(role: Role) -> str:
    """Return what a role is told first: its name, and the format of its answer."""
    return files("prompts").joinpath("roles", f"{role}.md").read_text("utf-8").strip()


def _messages(role: Role, content: str) -> list[Message]:
    return [{"role": "system", "content": role_text(role)}, {"role": "user", "content": content}]


def fenced(code: str) -> str:
    """Return code as a block."""
    return f"```python\n{code.rstrip()}\n```"
