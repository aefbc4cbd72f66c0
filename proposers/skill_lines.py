"""Skill lines by statistics over solved tasks: asked for with the messages of the role `reflect`."""

from prompts.roles import SolvedTask, reflection_messages
from proposers.protocol import Proposal, Request

MAX_LINES = 160


class SkillLines:
    """Asks the model what it learned from the tasks that the parent has solved, and adds new lines to the skills."""

    name = "skill_lines"
    examples = None
    rounds = 2  # what one has taught to solve teaches the next; only the last is judged

    def propose(self, request: Request) -> Proposal | None:
        """Return the parent's skills with new lines."""
        experience: list[SolvedTask] = [{"view": e.view, "code": e.code} for e in request.examples if e.solved]
        if not experience:
            return None
        answer = request.ask(reflection_messages(experience))
        known = request.components["skills"].splitlines()
        conditions = {_rule(line) for line in known}
        new = [line for line in map(str.strip, answer.splitlines()) if line.startswith("- ")]
        chosen = [line for line in dict.fromkeys(new) if _rule(line) not in conditions][: MAX_LINES - len(known)]
        if not chosen:
            return None
        why = f"{len(chosen)} skill lines from {len(experience)} solved tasks"
        return Proposal(components={"skills": "\n".join([*known, *chosen])}, why=why)


def _rule(line: str) -> str:
    """Return a line without its remark: counts change, the rule is the same."""
    return line.partition("  #")[0].strip()
