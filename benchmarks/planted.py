"""A planted model: how likely it solves a task depends, in a known way, on which rules its prompt contains.

It stands in for a language model, so that the optimiser can be judged by what it should find. Rollouts are not run but
drawn, one draw per (seed, prompt set, task): as noisy as a model at temperature 1, and the same after a restart.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from checkpoints.ledger import Ledger
from proposers.protocol import Request
from runtime.context import BatchResult
from state.episode import EpisodeSpec
from state.ledger import FinishedEpisode
from storage.contents import canonical
from storage.engine import Home, insert_new
from storage.tables import episodes, run_episodes

BASE = 0.35
EFFECTS = {
    "- state the types of the arguments first": 0.2,
    "- handle the empty input": 0.2,
    "- check the result against every example": 0.2,
    "- answer as briefly as you can, without any loops": -0.2,
    "- prefer recursion everywhere": -0.2,
    "- name variables after planets": 0.0,
    "- write comments in verse": 0.0,
    "- use double quotes": 0.0,
    "- sort imports by length": 0.0,
    "- begin with a docstring": 0.0,
    "- avoid global variables": 0.0,
    "- end files with a blank line": 0.0,
}
GOOD = [rule for rule, effect in EFFECTS.items() if effect > 0]
HARMFUL = [rule for rule, effect in EFFECTS.items() if effect < 0]


def success_probability(skills: str) -> float:
    """Return how likely a prompt with these rules solves a task."""
    return min(0.98, max(0.02, BASE + sum(EFFECTS.get(line.strip(), 0.0) for line in set(skills.splitlines()))))


def propose_rule(request: Request) -> dict[str, str] | None:
    """Add a rule that has not been tried with this parent, drawn at random: the part of a language model."""
    lines = request.components["skills"].splitlines()
    tried = {text.get("skills", "") for text in request.refused}
    fresh = [rule for rule in EFFECTS if rule not in lines and "\n".join([*lines, rule]) not in tried]
    if not fresh:
        return None
    rule = Random(f"{request.seed}:rule:{request.index}").choice(fresh)
    return {"skills": "\n".join([*lines, rule])}


@dataclass
class PlantedRunner:
    """Draws rollouts instead of running them, and writes them to the ledger as the runner does."""

    home: Home
    prompts: Any
    """A PromptRegistry."""
    seed: int
    tokens: int = 300
    shuffled: bool = False
    """Control: success does not depend on the prompt."""
    executed: list[str] = field(default_factory=list)
    """Ids of the episodes that were drawn, in order."""
    log: Path | None = None
    """Also written there, so that a process that is killed has left word."""

    def __call__(self, specs: Sequence[EpisodeSpec], phase: str) -> BatchResult:
        """Bring the episodes to an end; those in the ledger are not drawn again."""
        ledger = Ledger(self.home)
        known = ledger.find([spec["episode_id"] for spec in specs])
        new = [self._row(spec) for spec in specs if spec["episode_id"] not in known]
        position = {spec["episode_id"]: number for number, spec in enumerate(specs)}
        ids = [row["episode_id"] for row in new]
        if self.log and new:
            with self.log.open("a", encoding="utf-8") as log:
                log.writelines(f"{episode_id}\n" for episode_id in ids)
        self._write(new, specs[0]["run_id"], phase, position)
        if known:
            ledger.link(specs[0]["run_id"], phase, [(position[one], one) for one in known])
        self.executed += ids
        rows = known | dict(zip(ids, new, strict=True))
        return {"finished": [rows[spec["episode_id"]] for spec in specs], "unscored": []}

    def _row(self, spec: EpisodeSpec) -> FinishedEpisode:
        skills = self.prompts.get(spec["prompt_set"])["components"]["skills"]
        p = BASE if self.shuffled else success_probability(skills)
        solved = int(Random(f"{self.seed}:{spec['prompt_set']}:{spec['task_id']}:{spec['repeat']}").random() < p)
        outcome: Any = {
            "status": "passed" if solved else "failed", "passed": solved, "total": 1, "limit": "", "declined": False,
            "overfit": False, "code": "", "memories": [], "remembered": [],
        }  # fmt: skip
        return {
            "episode_id": spec["episode_id"], "prompt_set": spec["prompt_set"],
            "memory_snapshot": spec["memory_snapshot"], "split": spec["split"], "task_id": spec["task_id"],
            "task": spec["task"], "repeat": spec["repeat"], "model": spec["model"], "conditions": spec["conditions"],
            "attempts": 1, "solved_first": solved, "solved": solved, "reward": float(solved),
            "components": {"correctness": float(solved)}, "outcome": outcome, "prompt_tokens": self.tokens,
            "completion_tokens": 0, "cost_usd": 0.001, "model_s": 0.0, "sandbox_s": 0.0, "wall_s": 0.001,
            "finished_at": 0.0,
        }  # fmt: skip

    def _write(self, rows: Sequence[FinishedEpisode], run_id: str, phase: str, position: dict[str, int]) -> None:
        stored = [{**r, "components": canonical(r["components"]), "outcome": canonical(r["outcome"])} for r in rows]
        places = [
            {"run_id": run_id, "phase": phase, "episode_id": r["episode_id"], "position": position[r["episode_id"]],
             "reused": 0}
            for r in rows
        ]  # fmt: skip
        with self.home.writing() as connection:
            insert_new(connection, episodes, stored)
            insert_new(connection, run_episodes, places)


def planted_tasks(path: Path, train: int, validation: int, test: int) -> Path:
    """Write a task file; the tasks are only names, nobody solves them."""
    splits = ["train"] * train + ["validation"] * validation + ["test"] * test
    lines = [
        {
            "task_id": f"planted/{number}",
            "prompt": f'def f{number}(x: int) -> int:\n    """Return x plus {number}."""\n',
            "entry_point": f"f{number}",
            "examples": [{"args": [1], "expected": 1 + number}],
            "tests": [{"args": [7], "expected": 7 + number}],
            "split": split,
        }
        for number, split in enumerate(splits)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
