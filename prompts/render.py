"""Turn a prompt set, a task's visible side, memories and feedback into chat messages."""

from collections.abc import Sequence
from string import Template
from typing import TypedDict

from state.memory_item import MemoryHit
from state.message import Message
from state.prompt_set import PromptSet
from state.task import TaskView, Test


class PastAttempt(TypedDict):
    """An attempt that failed, and what is said about it."""

    code: str
    outcome: str


def generation_messages(
    prompt_set: PromptSet, view: TaskView, memories: Sequence[MemoryHit], past: Sequence[PastAttempt]
) -> list[Message]:
    """Return the messages that ask for a program. Sections without content are left out.

    The model sees the task's visible side only: a TaskView holds no id, no hidden test and no reference.
    """
    parts = prompt_set["components"]
    system, skills = (Template(parts[name]).substitute().strip() for name in ("system", "skills"))  # $$ is one dollar
    if skills:
        system += f"\n\n## Skills\n{skills}"
    user = Template(parts["generate"]).substitute(
        task=_task_section(view),
        examples=_examples_section(view),
        memories=_memories_section(memories),
        feedback=_feedback_section(parts["repair"], past),
    )
    return [{"role": "system", "content": system}, {"role": "user", "content": user.strip()}]


def example_line(test: Test, entry_point: str) -> str:
    """Return a visible test as one readable statement."""
    if test["kind"] == "call":
        inner = test["args"].strip().removeprefix("(").removesuffix(")").strip().removesuffix(",")
        return f"assert {entry_point}({inner}) == {test['expected']}"
    if test["kind"] == "stdio":
        return f"# input {test['stdin']!r} gives output {test['stdout']!r}"
    return test["code"].strip()


def _fenced(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```"


def _task_section(view: TaskView) -> str:
    body = _fenced(view["prompt"]) if "def " in view["prompt"] else view["prompt"].strip()
    entry = f"\nEntry point: `{view['entry_point']}`" if view["entry_point"] else ""
    return f"## Task\n{body}{entry}"


def _examples_section(view: TaskView) -> str:
    if not view["examples"]:
        return ""
    lines = [example_line(test, view["entry_point"]) for test in view["examples"]]
    return "## Examples\n" + _fenced("\n".join(lines))


def _memories_section(memories: Sequence[MemoryHit]) -> str:
    if not memories:
        return ""
    blocks = []
    for memory in memories:
        header = f"### Memory {memory['memory_id'][:12]} ({memory['kind']}, similarity {memory['score']:.2f}): "
        code = "\n" + _fenced(memory["code"]) if memory["code"] else ""
        blocks.append(header + memory["text"].strip() + code)
    return "## Memories\n" + "\n\n".join(blocks)


def _feedback_section(template: str, past: Sequence[PastAttempt]) -> str:
    if not past:
        return ""
    blocks = [
        Template(template).substitute(number=str(index), code=attempt["code"].rstrip(), outcome=attempt["outcome"])
        for index, attempt in enumerate(past, start=1)
    ]
    return "## Feedback\n" + "\n\n".join(blocks)
