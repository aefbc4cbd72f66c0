"""What the messages ask for: a program, or one of the other roles, which the system message names in a line."""

import json
import re
from dataclasses import dataclass, field
from typing import Final

from models.offline.bank import Budget
from models.offline.parse import Request, parse
from models.offline.proposer import proposal
from models.offline.reflector import concept_lines, experience_in, skill_lines
from models.offline.reviewer import review_of
from models.offline.solve import Solution, solve
from state.json_values import JsonObject

_ROLE: Final = re.compile(r"^Role: (propose|reflect|review)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """An answer: what the model says, and what `response_metadata` tells about it."""

    text: str
    metadata: JsonObject = field(default_factory=dict)


def respond(system: str, human: str, purse: Budget, *, code: bool = True) -> Said:
    """Answer messages within a budget of candidates.

    code: False leaves the code of memories out, after it has ended a search process.
    """
    role = _ROLE.search(system)
    if role and role.group(1) == "reflect":
        return _reflected(human)
    request = parse("" if role else system, human)
    if not code:
        request = request.without_code()
    if role and role.group(1) == "review":
        return _reviewed(request, purse, code=code)
    if role:
        return _proposed(request, human, purse)
    return _solved(request, purse)


def _solved(request: Request, purse: Budget) -> Said:
    solution = solve(request, purse)
    return Said(_answer(solution), _metadata(solution, purse.total))


def _answer(solution: Solution) -> str:
    """Return how the program was found, and one block with it; no block when nothing fits."""
    if not solution.code:
        return f"I have no program for this. {solution.how}"
    return f"{solution.how}\n\n```python\n{solution.code.rstrip()}\n```"


def _metadata(solution: Solution, budget: int) -> JsonObject:
    return {
        "role": "solve",
        "candidates": solution.candidates,
        "effort": {"tried": max(1, solution.effort), "limit": max(budget, solution.effort)},
        "stage": solution.stage,
        "alternatives": solution.alternatives,
        "components": solution.components,
        "memories_used": solution.memories_used,
        "memories_refused": solution.memories_refused,
        "skills_used": solution.skills_used,
        "skills_ignored": solution.skills_ignored,
        "stopped_by_time": solution.stopped,
    }


def _reflected(human: str) -> Said:
    experience = experience_in(human)
    lines = [*concept_lines(experience), *skill_lines(experience)]
    metadata = {"role": "reflect", "candidates": 0, "solved_tasks": len(experience), "lines": len(lines)}
    nothing = f"I see no pattern in {len(experience)} solved tasks."
    return Said("\n".join(lines) or nothing, metadata)


def _proposed(request: Request, human: str, purse: Budget) -> Said:
    task = proposal(request, human, purse)
    metadata = {"role": "propose", "candidates": purse.spent, "stopped_by_time": purse.stopped}
    if not task:
        return Said(f"I have no new task after {purse.spent} draws.", metadata)
    return Said(f"A new task, found after {purse.spent} draws.\n\n```json\n{task}\n```", metadata)


def _reviewed(request: Request, purse: Budget, *, code: bool) -> Said:
    found = review_of(request, purse, code=code)
    said = {"score": found.score, "critique": found.critique, "findings": found.findings, "agreement": found.agreement}
    metadata = {
        "role": "review",
        "candidates": purse.spent,
        "probes": found.probes,
        "alternatives": found.alternatives,
        "stopped_by_time": purse.stopped,
    }
    return Said(f"```json\n{json.dumps(said, ensure_ascii=False, indent=1)}\n```", metadata)
