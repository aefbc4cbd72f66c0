"""How often the copy detector cries wolf, and how often it finds a copied answer.

    python -m benchmarks.overlap

Ordinary prompts: the shipped components, skill lines that the reflector counted over the katas, the product's own
documentation cut at its headings, and prompts that hold another kata's reference as an example. Copies: each train
kata's reference placed in the shipped system prompt, as it is and disguised.
"""

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Callable, Sequence
from pathlib import Path

from batch.statistics import wilson
from models.offline.reflector import Solved, skill_lines
from optimization.overlap import SHORTEST, THRESHOLD, answers_of, copied_answers, overlap_of
from prompts.registry import shipped_prompt_set
from prompts.render import generation_messages
from state.task import Task, view_of
from tasks.load import load_tasks, resolve_tasks

ROOT = Path(__file__).parent.parent


def interval(hits: int, n: int) -> str:
    """Return a count with its share and the 95 % interval of that."""
    low, high = wilson(hits, n)
    return f"{hits} of {n} ({hits / max(1, n):.1%}, {low:.1%} to {high:.1%})"


def ordinary(tasks: Sequence[Task]) -> dict[str, list[str]]:
    parts = shipped_prompt_set()["components"]
    prose = [
        text for path in sorted(ROOT.glob("**/*.md")) if ".venv" not in path.parts
        for text in re.split(r"(?m)^#+ ", path.read_text("utf-8")) if len(text) > 200
    ]  # fmt: skip
    return {
        "shipped components": list(parts.values()),
        "skill lines, 40 of growing experience": [_skills(tasks[:n]) for n in range(20, len(tasks), 20)],
        "sections of the documentation": prose,
    }


def _skills(tasks: Sequence[Task]) -> str:
    prompt_set = shipped_prompt_set()
    solved = []
    for task in tasks:
        message = generation_messages(prompt_set, view_of(task), [], [])[-1]["content"]
        names = sorted(set(re.findall(r"[a-z_]{3,}", task["reference"] or "")) - set(keyword.kwlist))
        solved.append(Solved(message=message, components=tuple(names)))
    return "\n".join(skill_lines(solved))


def renamed(code: str) -> str:
    """Every argument and variable gets another name."""
    tree = ast.parse(code)
    names = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    names |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    new = {name: f"thing{i}" for i, name in enumerate(sorted(names))}
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda m: new.get(m.group(), m.group()), ast.unparse(tree))


def relaid(code: str) -> str:
    """Other spacing, comments at every line, other quotes."""
    text = code.replace("'", '"').replace("    ", "\t").replace(", ", ",")
    return "\n".join(f"{line}  # step" for line in text.splitlines())


def one_line(code: str) -> str:
    """Put every token on one line."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return " ".join(token.string for token in tokens if token.string.strip())


def three_quarters(code: str) -> str:
    """Keep the first three quarters of what stands inside the functions."""
    bodies = [node.body if isinstance(node, ast.FunctionDef) else [node] for node in ast.parse(code).body]
    text = "\n".join(ast.unparse(node) for body in bodies for node in body)
    return text[: len(text) * 3 // 4]


DISGUISES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "renamed": renamed,
    "other layout, quotes, comments": relaid,
    "on one line": one_line,
    "the first three quarters of the body": three_quarters,
}


def main() -> None:
    """Print what is refused wrongly and what is found."""
    tasks = [task for task in load_tasks(resolve_tasks("katas")).tasks if task["split"] == "train"]
    long = [task for task in tasks if overlap_of(task["reference"] or "", task["reference"] or "") == 1.0]
    print(f"{len(tasks)} train katas, {len(long)} of them with a reference of at least {SHORTEST} tokens in its body;")
    show_refused(tasks)
    show_found(long)


def show_refused(tasks: list[Task]) -> None:
    """Print how many prompts are refused that copy nothing, or the reference of another kata."""
    answers = [answers_of(task) for task in tasks]
    print(
        f"an answer counts as copied from {THRESHOLD:.0%} of its n-grams\n\n| ordinary prompts | refused |\n|---|---|"
    )
    for name, prompts in ordinary(tasks).items():
        print(f"| {name} | {interval(sum(bool(copied_answers(p, answers)) for p in prompts), len(prompts))} |")
    system = shipped_prompt_set()["components"]["system"]
    others = [
        any(c.task_id != task["task_id"] for c in copied_answers(f"{system}\n{task['reference']}", answers))
        for task in tasks
    ]
    print(f"| another kata's reference as an example | {interval(sum(others), len(others))} |")


def show_found(long: list[Task]) -> None:
    """Print how many copies of references are found, by how they are disguised."""
    system = shipped_prompt_set()["components"]["system"]
    print("\n| copied reference | found among those long enough |\n|---|---|")
    for name, disguise in DISGUISES.items():
        found = [
            overlap_of(f"{system}\n{disguise(t['reference'] or '')}", t["reference"] or "") >= THRESHOLD for t in long
        ]
        print(f"| {name} | {interval(sum(found), len(found))} |")


if __name__ == "__main__":
    main()
