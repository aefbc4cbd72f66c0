"""Rewrites by a chat model: from failures (reflective), and from a passing and a failing attempt at the same task.

Sources: Agrawal et al. 2025 (GEPA: reflective prompt mutation); SIMBA in DSPy (contrast of trajectories).
"""

import re
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from prompts.render import example_line
from proposers.protocol import Example, Proposal, Request
from state.message import Message

_ANSWER = re.compile(r"<component>\s*\n(.*?)\n?\s*</component>", re.DOTALL)
MAX_CODE = 4_000  # characters of a program that are shown
MAX_EXAMPLES = 6  # of a task


class Rewrite:
    """Asks a chat model to rewrite a component after it has seen how the parent did."""

    name = "rewrite"
    rounds = 1

    def __init__(self, examples: int) -> None:
        self.examples: int | None = examples

    def propose(self, request: Request) -> Proposal | None:
        """Return the rewritten component; None when nothing failed, or the answer holds no component."""
        failed = [example for example in request.examples if not example.solved]
        if not failed:
            return None
        worked = [example for example in request.examples if example.solved][:2]
        text = _asked(request, "rewrite", [*failed, *worked])
        return _proposal(request, text, f"rewritten after {len(failed)} failures")


class Contrast:
    """Asks a chat model what passing attempts did that failing ones at the same tasks did not."""

    name = "contrast"
    rounds = 1

    def __init__(self, examples: int) -> None:
        self.examples: int | None = examples

    def propose(self, request: Request) -> Proposal | None:
        """Return the rewritten component; None when no task has both a passing and a failing attempt."""
        pairs = [example for example in request.examples if example.better]
        if not pairs:
            return None
        text = _asked(request, "contrast", pairs)
        return _proposal(request, text, f"rewritten after {len(pairs)} tasks with a failing and a passing attempt")


def _proposal(request: Request, text: str | None, why: str) -> Proposal | None:
    if not text or text == request.components[request.component]:
        return None
    return Proposal(components={request.component: text}, why=f"{request.component} {why}")


def _asked(request: Request, template: str, examples: Sequence[Example]) -> str | None:
    system = Template(files("prompts").joinpath(f"optimiser/{template}.md").read_text("utf-8")).substitute()
    current = request.components[request.component]
    shown = "\n\n".join(_shown(number, example) for number, example in enumerate(examples, start=1))
    human = f"## Component `{request.component}`\n<component>\n{current}\n</component>\n\n## Tasks\n\n{shown}"
    messages: list[Message] = [{"role": "system", "content": system.strip()}, {"role": "user", "content": human}]
    found = _ANSWER.findall(request.ask(messages))
    return found[-1].strip() if found else None


def _shown(number: int, example: Example) -> str:
    view = example.view
    lines = [example_line(test, view["entry_point"]) for test in view["examples"][:MAX_EXAMPLES]]
    parts = [f"### Task {number}\n{view['prompt'].strip()}"]
    if lines:
        parts.append("Examples:\n" + "\n".join(lines))
    answer = f"```python\n{example.code[:MAX_CODE].rstrip()}\n```" if example.code else "(no program)"
    parts.append(f"{'Passed' if example.solved else 'Failed'}:\n{answer}")
    if example.outcome:
        parts.append(example.outcome)
    if example.better:
        parts.append(f"Passed:\n```python\n{example.better[:MAX_CODE].rstrip()}\n```")
    return "\n\n".join(parts)
